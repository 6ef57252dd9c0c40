"""Entry of the producer processes of a simulation: `python -m worker.simulate ORDERS URL`."""

import asyncio
import json
import sys
from pathlib import Path

from worker.simulate.load import Load
from worker.simulate.traffic import Orders


def main(orders: str, url: str) -> None:
    """Send until told to stop on standard input."""
    asyncio.run(Load(Orders(**json.loads(orders)), url, Path.cwd()).run())


if __name__ == "__main__":
    main(*sys.argv[1:])
