"""Ends a long command on Ctrl-C or SIGTERM with a line about what is done, and the usual code."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

import click


class _Terminated(KeyboardInterrupt):
    """SIGTERM, which takes the way of Ctrl-C through everything that has to be closed."""


@contextmanager
def stoppable(said: Callable[[], str]) -> Iterator[None]:
    """Let a signal end the block, say on standard error what `said` gives, and exit by the signal.

    The code is 130 for Ctrl-C and 143 for SIGTERM, as a shell gives them. For the main thread only.
    """
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    except KeyboardInterrupt as stop:
        number = signal.SIGTERM if isinstance(stop, _Terminated) else signal.SIGINT
        click.echo(said(), err=True)
        sys.exit(128 + number)
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    raise _Terminated
