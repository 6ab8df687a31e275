"""A log file as a stream of bytes: decompressed on the way, honest about where it breaks off."""

import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from suture.errors import MalformedInput, NotFound

PIECE_BYTES = 1 << 18
_GZIP_MAGIC = b"\x1f\x8b"


class LogFile:
    """One pass over a file. `damage` says what is wrong with it, and is empty while nothing is."""

    def __init__(self, path: Path, on_read: Callable[[int], None] | None = None) -> None:
        """Name the file; `on_read` is told after each piece how many of its bytes are behind it.

        Raises NotFound where there is no such file, MalformedInput where it cannot be read.
        """
        if not path.is_file():
            raise NotFound(f"{path}: no such file")
        self.path = path
        self.size = path.stat().st_size
        self.damage = ""
        self._on_read = on_read or (lambda _: None)

    def pieces(self) -> Iterator[bytes]:
        """The content, decompressed where it is gzip, in pieces that need little memory.

        A stream that breaks off gives all that came before, then ends with `damage` set.
        """
        try:
            with self.path.open("rb") as raw:
                packed = raw.peek(2)[:2] == _GZIP_MAGIC
                read = gzip.GzipFile(fileobj=raw).read1 if packed else raw.read1
                while piece := read(PIECE_BYTES):
                    self._on_read(raw.tell())
                    yield piece
        except EOFError:
            self.damage = "the compressed file ends early"
        except (gzip.BadGzipFile, zlib.error) as error:
            self.damage = f"the compressed file is damaged: {error}"
        except OSError as error:
            raise MalformedInput(f"{self.path}: cannot be read: {error.strerror}") from error


class PieceStream(io.RawIOBase):
    """Pieces as a file object, for readers that want one."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        """Read from `pieces`, each at most once."""
        self._pieces = pieces
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        """Fill `buffer` with what the current piece still has; 0 at the end."""
        if not self._rest:
            self._rest = memoryview(next(self._pieces, b""))
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count
