"""How the agents of the test application and the tests speak to each other: through the files of one directory."""

import os
from pathlib import Path

from tests.helpers.eventually import eventually

#: the environment variable that tells a worker process of the test application where the directory is
DIRECTORY = "SWARMLINE_TEST_DIRECTORY"


class Backstage:
    """Doors that turns stand before until a test opens them, and pages on which agents note what they do."""

    def __init__(self, directory: Path) -> None:
        """Use a directory that is there."""
        self._directory = directory

    @classmethod
    def of_this_process(cls) -> "Backstage":
        """Return the one that the test gave to this worker process."""
        return cls(Path(os.environ[DIRECTORY]))  # noqa: TID251 - a worker of a test knows its test from nowhere else

    @property
    def environment(self) -> dict[str, str]:
        """Return what a worker process needs in its environment to get here."""
        return {DIRECTORY: str(self._directory)}

    def note(self, page: str, line: str) -> None:
        """Add a line to a page; lines of several processes stand in the order in which they were written."""
        with (self._directory / f"{page}.page").open("ab", buffering=0) as written:
            written.write(f"{line}\n".encode())

    def page(self, page: str) -> list[str]:
        """Return the lines of a page; one that nobody wrote to is empty."""
        path = self._directory / f"{page}.page"
        return path.read_text().splitlines() if path.exists() else []

    async def wait_at(self, door: str) -> None:
        """Stand before a door until it is open; the test sees the process that stands there."""
        self.note(door, str(os.getpid()))
        await eventually((self._directory / f"{door}.open").exists, within_s=120)

    def open(self, door: str) -> None:
        """Let everybody through, from now on."""
        (self._directory / f"{door}.open").touch()

    async def reached(self, door: str, *, times: int = 1) -> int:
        """Wait until turns came to the door so many times; return the id of the process that came last."""
        arrived = await eventually(lambda: self._arrivals(door, times), within_s=20)
        return int(arrived[-1])

    def _arrivals(self, door: str, times: int) -> list[str]:
        arrived = self.page(door)
        assert len(arrived) >= times, f"{len(arrived)} turns came to {door}, not {times}"
        return arrived
