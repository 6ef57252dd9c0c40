"""Entry of the processes that the bench starts: `python -m worker.bench client|bare-worker ...`."""

import sys


def main(role: str, *arguments: str) -> None:
    """Play one role until killed or told to end; each role loads only its own side."""
    if role == "client":
        from worker.bench.client import main as run  # noqa: PLC0415 - a bare worker needs no Producer
    else:
        from worker.bench.bare import main as run  # noqa: PLC0415 - and a client no worker
    run(*arguments)


if __name__ == "__main__":
    main(*sys.argv[1:])
