"""The end of a verb that has started servers and processes of its own."""

import signal
from collections.abc import Generator
from contextlib import contextmanager
from signal import SIGHUP, SIGINT, SIGTERM


@contextmanager
def ending_in_order() -> Generator[None]:
    """Let SIGTERM, and the end of the terminal, end everything as Ctrl-C does: temporary directories would stay."""
    before = {number: signal.getsignal(number) for number in (SIGTERM, SIGHUP)}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(_number: int, _frame: object) -> None:
    signal.raise_signal(SIGINT)
