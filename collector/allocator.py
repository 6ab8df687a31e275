"""How the receiver's process takes memory from the C library, and that it gives it back."""

import ctypes
from types import MappingProxyType

ARENAS = 2
LARGE_BYTES = 128 * 1024
SPARE_BYTES = 1024 * 1024

# Numbers and meaning from <malloc.h> of the GNU C library.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_OPTIONS = MappingProxyType(
    {
        # Threads take turns at large bodies, and each of the library's arenas keeps what the
        # largest of them took. Python holds its lock most of the time, so two are as good as many.
        _M_ARENA_MAX: ARENAS,
        # Bodies get pages of their own, which go back at once. Left to itself the library raises
        # this bound with every large block that is freed, until bodies of any size lie on the heap
        # between small things that stay.
        _M_MMAP_THRESHOLD: LARGE_BYTES,
        _M_TRIM_THRESHOLD: SPARE_BYTES,
    }
)


def give_memory_back() -> bool:
    """Have what large requests took returned when they are answered; call it before any thread.

    Says whether that was understood. Libraries without `mallopt`, those of macOS and musl, keep
    no arenas for threads and need no such thing.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    taken = [mallopt(option, value) for option, value in _OPTIONS.items()]
    return all(taken)
