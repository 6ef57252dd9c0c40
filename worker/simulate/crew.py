"""The workers of a simulation: who runs, who was ended on purpose, and a replacement for whoever is missing."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGTERM

from worker.clock import monotonic, sleep
from worker.embedded.child import Child, ChildFailedError, environment_for_children
from worker.simulate.plan import Plan

LOOK_EVERY_S = 0.05
#: a worker that can't reach Redis before it is ready ends with 69; it is started again after this long
TRY_AGAIN_S = 0.3
FD_WARM_UP_S = 5.0
#: connections of housekeeping are opened when they are needed
FDS_COME_AND_GO = 30


@dataclass(frozen=True, slots=True)
class Way:
    """How a worker reaches Redis."""

    title: str
    url: str
    prefix: tuple[str, ...] = ()


@dataclass(slots=True)
class Post:
    """A place for one worker; `worker` is None while a new one is being started."""

    number: int
    way: Way
    worker: Child | None = None
    #: it stays empty until then, by monotonic time
    empty_until: float = 0.0
    #: somebody ended this worker on purpose
    ended: bool = False
    starting: "asyncio.Task[None] | None" = None
    open_files: int = 0
    since: float = field(default_factory=monotonic)


class Crew:
    """Keeps every post filled until it is dismissed; `unexpected` lists workers that ended by themselves."""

    def __init__(self, plan: Plan, directory: Path, environment: Mapping[str, str], ways: Sequence[Way]) -> None:
        """Prepare the posts; `ways` are given out in turns."""
        self._plan = plan
        self._directory = directory
        self._environment = environment
        self._ways = ways
        self.posts = [Post(number, ways[number % len(ways)]) for number in range(plan.workers)]
        self.unexpected: list[str] = []
        self.started = 0

    async def keep(self) -> None:
        """Fill posts that became empty, for ever."""
        while True:
            for post in self.posts:
                self._look_after(post)
            await sleep(LOOK_EVERY_S)

    async def complete(self, *, within_s: float) -> None:
        """Wait until there is a worker on every post; raises ChildFailedError when that does not happen."""
        deadline = monotonic() + within_s
        while any(post.worker is None or not post.worker.is_running for post in self.posts):
            if monotonic() > deadline:
                raise ChildFailedError(f"not all workers were ready within {within_s:g} s; see {self._directory}")
            await sleep(LOOK_EVERY_S)

    def victim(self, pick: int) -> tuple[Post, Child] | None:
        """Return one of the running workers, None when there is none."""
        # One that was told to go is no victim: a second signal has a meaning of its own.
        running = [
            (post, post.worker)
            for post in self.posts
            if post.worker is not None and post.worker.is_running and not post.ended
        ]
        return running[pick % len(running)] if running else None

    async def replace(self, post: Post, worker: Child, empty_s: float, *, kill: bool) -> None:
        """End a worker by SIGKILL or SIGTERM and leave its post empty for a while."""
        post.ended, post.empty_until = True, monotonic() + empty_s
        await worker.end(SIGKILL if kill else SIGTERM)
        self._note_end(worker, allowed=(-9,) if kill else (0, 75, -9))

    def add(self) -> Post:
        """Open one more post."""
        post = Post(len(self.posts), self._ways[len(self.posts) % len(self._ways)])
        self.posts.append(post)
        return post

    async def dismiss(self, post: Post) -> None:
        """Close a post; its worker drains."""
        self.posts.remove(post)
        if post.starting is not None:
            await post.starting
        if post.worker is not None:
            # A worker that was told to go already must not be told again: it would not drain then.
            await post.worker.end(None if post.ended else SIGTERM)
            self._note_end(post.worker, allowed=(0, 75, -9))

    async def dismiss_all(self) -> None:
        """Close all posts; every worker must drain cleanly."""
        for post in self.posts:
            if post.worker is not None:
                post.worker.send_signal(SIGCONT)
        await asyncio.gather(*[self.dismiss(post) for post in list(self.posts)])

    async def kill_all(self) -> None:
        """End whoever is left at once."""
        starting = [post.starting for post in self.posts if post.starting is not None]
        for task in starting:
            task.cancel()
        await asyncio.gather(*starting, return_exceptions=True)
        await asyncio.gather(*[post.worker.end() for post in self.posts if post.worker is not None])

    def leaks(self) -> list[str]:
        """Return workers that hold many more open files than they did when they had warmed up."""
        found: list[str] = []
        for post in self.posts:
            if post.worker is not None and post.open_files and monotonic() - post.since > 2 * FD_WARM_UP_S:
                now = open_files(post.worker.pid)
                if now > post.open_files + FDS_COME_AND_GO:
                    found.append(f"worker {post.number} has {now} files open, and had {post.open_files}")
        return found

    def _look_after(self, post: Post) -> None:
        if post.worker is not None and not post.worker.is_running:
            if not post.ended:
                self._note_end(post.worker, allowed=(-9,))  # a poison request kills as the kernel would
            post.worker, post.ended = None, False
        if post.worker is None and post.starting is None and monotonic() >= post.empty_until:
            post.starting = asyncio.create_task(self._fill(post))
        if post.worker is not None and not post.open_files and monotonic() - post.since > FD_WARM_UP_S:
            post.open_files = open_files(post.worker.pid)

    async def _fill(self, post: Post) -> None:
        self.started += 1
        title = f"worker-{post.number}-{self.started}"
        settings = {"redis_url": post.way.url, "lease_s": str(self._plan.lease_s), **self._plan.settings}
        try:
            post.worker = await Child.start(
                title,
                *(*self._plan.worker_command, "worker", "--app", "worker.simulate.app:app", "--metrics-port", "-1"),
                environment={
                    **self._environment,
                    **{f"SWARMLINE_{name.upper()}": value for name, value in settings.items()},
                },
                log=self._directory / f"{title}.log",
                directory=self._directory,
                prefix=post.way.prefix,
            )
            post.since, post.open_files = monotonic(), 0
        except ChildFailedError:
            post.empty_until = monotonic() + TRY_AGAIN_S
        finally:
            post.starting = None

    def _note_end(self, worker: Child, *, allowed: tuple[int, ...]) -> None:
        if worker.exit_code not in allowed:
            self.unexpected.append(f"{worker.title} ended by itself with {worker.exit_code}")


def open_files(pid: int) -> int:
    """Return how many files a process has open; 0 where the system does not say."""
    folder = Path(f"/proc/{pid}/fd")
    try:
        return len(list(folder.iterdir()))
    except OSError:
        return 0


def crew_environment() -> dict[str, str]:
    """Return the environment of all processes: our code importable from anywhere, nobody's own settings."""
    return environment_for_children(
        PYTHONPATH=str(Path(__file__).parents[2]), SWARMLINE_LOG_LEVEL="WARNING", SWARMLINE_LOG_TURNS="false"
    )
