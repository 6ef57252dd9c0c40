"""The Redis of a simulation: on a socket of its own, append-only, and made to be killed."""

import asyncio
import shutil
from pathlib import Path
from signal import SIGCONT, SIGSTOP

from worker.clock import sleep
from worker.embedded.binary import ServerNotFoundError, candidate_binaries
from worker.embedded.probe import Address
from worker.embedded.process import ServerProcess

#: With `everysec` Redis confirms writes that it has not yet given to the system while an fsync is under way, and loses
#: them when it is killed. With `no` the system always has what was confirmed, and no machine loses its power here.
AOF = ("--appendonly", "yes", "--appendfsync", "no", "--maxmemory-policy", "noeviction", "--save", "")
#: without it the file of a long run takes longer to load than the run has between two faults
REWRITTEN = ("--auto-aof-rewrite-min-size", "8mb", "--auto-aof-rewrite-percentage", "100")
LOADED_WITHIN_S = 120.0
COPY_AGAIN_S = 0.05


class SimulatedServer:
    """One server process; every method leaves it running, and one at a time has its hands on it."""

    def __init__(self, directory: Path) -> None:
        """Start a server with its files in `directory`; raises ServerNotFoundError."""
        binaries = candidate_binaries()
        if not binaries:
            raise ServerNotFoundError
        self._directory = directory
        self._process = ServerProcess(
            binaries[0], directory, Address(socket_path=directory / "socket"), AOF + REWRITTEN
        )
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
            await self._come_back()

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
            while not _copied(files, replica):
                await sleep(COPY_AGAIN_S)
            await sleep(lag_s)
            self._process.kill()
            shutil.rmtree(files)
            replica.rename(files)
            await self._come_back()

    async def _come_back(self) -> None:
        # In a thread, or everything here would stand still while the data is loaded, the proxies and the load as well.
        self._process.launch()
        await asyncio.to_thread(self._process.wait_until_ready, within_s=LOADED_WITHIN_S)

    def stop(self) -> None:
        """End the server."""
        self._process.kill()


def _copied(files: Path, replica: Path) -> bool:
    """Copy the append-only file; False when the server was rewriting it, so that the copy is of no use."""
    shutil.rmtree(replica, ignore_errors=True)
    manifest = files / "appendonly.aof.manifest"
    before = manifest.read_bytes()
    try:
        shutil.copytree(files, replica)
    except shutil.Error:
        return False
    return manifest.read_bytes() == before == (replica / manifest.name).read_bytes()
