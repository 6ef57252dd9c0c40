"""The Redis of a simulation: on a socket of its own, append-only, and made to be killed."""

import asyncio
import shutil
from pathlib import Path
from signal import SIGCONT, SIGSTOP

from worker.clock import sleep
from worker.embedded.binary import ServerNotFoundError, candidate_binaries
from worker.embedded.probe import Address
from worker.embedded.process import ServerProcess

AOF = ("--appendonly", "yes", "--appendfsync", "everysec", "--maxmemory-policy", "noeviction", "--save", "")


class SimulatedServer:
    """One server process; every method leaves it running, and one at a time has its hands on it."""

    def __init__(self, directory: Path) -> None:
        """Start a server with its files in `directory`; raises ServerNotFoundError."""
        binaries = candidate_binaries()
        if not binaries:
            raise ServerNotFoundError
        self._directory = directory
        self._process = ServerProcess(binaries[0], directory, Address(socket_path=directory / "socket"), AOF)
        self._process.start()
        self._one_at_a_time = asyncio.Lock()

    @property
    def url(self) -> str:
        """Return the address."""
        return self._process.address.url

    @property
    def socket_path(self) -> str:
        """Return where it listens."""
        return str(self._directory / "socket")

    async def kill(self, away_s: float) -> None:
        """Kill the server as `kill -9` does, and start it from its file after a while."""
        async with self._one_at_a_time:
            self._process.kill()
            await sleep(away_s)
            self._process.start()

    async def freeze(self, frozen_s: float) -> None:
        """Stop the process for a while; connections stay open."""
        async with self._one_at_a_time:
            self._process.send_signal(SIGSTOP)
            await sleep(frozen_s)
            self._process.send_signal(SIGCONT)

    async def fail_over(self, lag_s: float) -> None:
        """Come back with what there was `lag_s` seconds ago, as after a failover to a replica that lags."""
        async with self._one_at_a_time:
            files = self._directory / "appendonlydir"
            replica = self._directory / "replica"
            shutil.copytree(files, replica)
            await sleep(lag_s)
            self._process.kill()
            shutil.rmtree(files)
            replica.rename(files)
            self._process.start()

    def stop(self) -> None:
        """End the server."""
        self._process.kill()
