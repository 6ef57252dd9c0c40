"""A worker that takes its time to leave: told once it goes when it may, told twice it goes at once, as ours do."""

import os
import signal
import sys

told = 0


def hear(*_: object) -> None:
    global told  # noqa: PLW0603 - there is one process, and it was told so often
    told += 1
    if told > 1:
        os._exit(128 + signal.SIGTERM)
    sys.stdout.write("told\n")
    sys.stdout.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, hear)
    sys.stdout.write("READY\n")
    sys.stdout.flush()
    sys.stdin.readline()
