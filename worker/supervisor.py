"""Several worker processes under one parent: fresh interpreters, restarted when they crash, ended together."""

import asyncio
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

from worker.clock import Backoff, monotonic
from worker.errors import EXIT_CONFIGURATION, EXIT_DRAIN_TIMEOUT, EXIT_OK, EXIT_UNAVAILABLE, EXIT_USAGE
from worker.observe.ready import say, say_ready

#: a child that ends so before all were ready would end so again: whoever started us has to change something
HOPELESS = (EXIT_USAGE, EXIT_UNAVAILABLE, EXIT_CONFIGURATION)
#: a child that served for so long was well: the next crash is a new one
WELL_AFTER_S = 60.0
#: beyond its own limits a child gets this before SIGKILL: one that hangs can't keep its limits
KILL_MARGIN_S = 5.0
LINE_LIMIT_BYTES = 1 << 20

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a child may take to drain, and to stop after that."""

    grace_s: float
    hard_stop_s: float


@dataclass(slots=True)
class Child:
    """One place for a worker process; `ready` has the fields of its READY line."""

    index: int
    command: Sequence[str]
    #: descriptors that it inherits
    fds: Sequence[int] = ()
    process: Process | None = None
    ready: dict[str, str] = field(default_factory=dict[str, str])

    def send(self, number: signal.Signals) -> None:
        """Send a signal, if there is a process."""
        if self.process and self.process.returncode is None:
            with suppress(ProcessLookupError):
                self.process.send_signal(number)


@dataclass(frozen=True, slots=True)
class Hooks:
    """What else happens when children come and go."""

    #: runs in the child before it becomes a worker, to tie its life to ours
    before_exec: Callable[[], None] | None = None
    #: called with the index of a child that has ended
    ended: Callable[[int], None] = lambda _: None
    #: called with the index of a child that has ended by itself, and not well
    crashed: Callable[[int], None] = lambda _: None
    #: what the READY line of the parent says besides
    ready_words: Sequence[str] = ()


class Supervisor:
    """Starts children, forwards signals, prints READY once all are ready, and ends with the worst of their codes."""

    def __init__(
        self,
        children: Sequence[Child],
        patience: Patience,
        hooks: Hooks | None = None,
        *,
        first_pause_s: float = 0.5,
    ) -> None:
        """Take the children to keep."""
        self._children = children
        self._patience = patience
        self._hooks = hooks or Hooks()
        self._first_pause_s = first_pause_s
        self._stopping = asyncio.Event()
        self._all_ready = False
        self._quiet = False

    async def run(self) -> int:
        """Supervise until every child has ended for good; returns the exit code."""
        loop = asyncio.get_running_loop()
        handlers = dict.fromkeys((signal.SIGTERM, signal.SIGINT, signal.SIGHUP), self._on_signal)
        handlers |= dict.fromkeys((signal.SIGUSR1, signal.SIGUSR2), self._pass_on)
        for number, handler in handlers.items():
            loop.add_signal_handler(number, handler, number)
        try:
            return worst(await asyncio.gather(*map(self._keep, self._children)))
        finally:
            for number in handlers:
                loop.remove_signal_handler(number)

    async def _keep(self, child: Child) -> int:
        """Run a child again and again; returns its last code once we are stopping."""
        backoff = Backoff(first_s=self._first_pause_s, most_s=30.0)
        while True:
            started_at = monotonic()
            code = await self._run_once(child)
            if self._stopping.is_set():
                return code
            if not self._all_ready and code in HOPELESS:
                self._stop()
                return code
            if code not in (EXIT_OK, EXIT_DRAIN_TIMEOUT):
                self._hooks.crashed(child.index)
            if monotonic() - started_at > WELL_AFTER_S:
                backoff.reset()
            pause_s = backoff.next_s()
            log.warning("worker_process_ended", index=child.index, code=code, restart_in_s=round(pause_s, 2))
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause_s)
                return EXIT_OK  # it crashed before, and what it held was taken over

    async def _run_once(self, child: Child) -> int:
        child.ready = {}
        # a session of its own: Ctrl-C in a terminal goes to a whole group, and would count as our second signal
        child.process = await asyncio.create_subprocess_exec(
            *child.command,
            stdin=DEVNULL,
            stdout=PIPE,
            start_new_session=True,
            preexec_fn=self._hooks.before_exec,
            pass_fds=child.fds,
            limit=LINE_LIMIT_BYTES,
        )
        if self._stopping.is_set():
            child.send(signal.SIGTERM)
        await self._relay(child, child.process)
        code = await child.process.wait()
        self._hooks.ended(child.index)
        if self._stopping.is_set() and code == -signal.SIGTERM:
            return EXIT_OK  # our SIGTERM met it before it could handle signals: it had taken nothing on
        return code if code >= 0 else 128 - code  # as shells count what a signal ended

    async def _relay(self, child: Child, process: Process) -> None:
        """Pass on what a child prints, each line with the child's number; its log lines go straight to our stderr."""
        if process.stdout is None:
            return
        async for raw in process.stdout:
            line = raw.decode(errors="replace").rstrip("\n")
            say(f"[{child.index}] {line}")
            if line.startswith("READY "):
                child.ready = dict(word.split("=", 1) for word in line.split() if "=" in word)
                if self._quiet:
                    child.send(signal.SIGUSR1)
                self._announce()

    def _announce(self) -> None:
        if self._all_ready or not all(child.ready for child in self._children):
            return
        self._all_ready = True
        names = dict.fromkeys(name for child in self._children for name in child.ready)
        fields = {name: [child.ready.get(name, "") for child in self._children] for name in names}
        shared = {name: values[:1] if len(set(values)) == 1 else values for name, values in fields.items()}
        words = [f"{name}={','.join(values)}" for name, values in shared.items()]
        pids = ",".join(str(child.process.pid) for child in self._children if child.process)
        say_ready(*words, f"processes={len(self._children)}", f"pids={pids}", *self._hooks.ready_words)

    def _pass_on(self, number: signal.Signals) -> None:
        """Hand a signal to the children that can handle it: one that is still starting would be ended by it."""
        self._quiet = self._quiet or number is signal.SIGUSR1
        for child in self._children:
            if child.ready:
                child.send(number)

    def _on_signal(self, number: signal.Signals) -> None:
        log.info("stopping", signal=number.name, again=self._stopping.is_set())
        self._stop()

    def _stop(self) -> None:
        """Let the children drain; called again, let them stop at once."""
        again = self._stopping.is_set()
        self._stopping.set()
        for child in self._children:
            child.send(signal.SIGTERM)
        patience = self._patience
        limit_s = patience.hard_stop_s if again else patience.grace_s + patience.hard_stop_s + KILL_MARGIN_S
        asyncio.get_running_loop().call_later(limit_s, self._kill)

    def _kill(self) -> None:
        for child in self._children:
            child.send(signal.SIGKILL)


def worst(codes: Sequence[int]) -> int:
    """Return the code that says most: a crash over a drain time-out over a clean end."""
    crashes = [code for code in codes if code not in (EXIT_OK, EXIT_DRAIN_TIMEOUT)]
    return crashes[0] if crashes else max(codes, default=EXIT_OK)
