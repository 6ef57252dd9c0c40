"""`swarmline worker --processes N`: one parent, N children, one address for metrics and probes."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Generator, Mapping, Sequence

from worker.embedded.orphans import dying_with_parent
from worker.observe.build import build_info
from worker.observe.catalogue import Buckets
from worker.observe.exposition import Exposition
from worker.observe.logs import LogRules, Logs
from worker.observe.server import MetricsServer, Pages
from worker.observe.sheet import Sheet, new_sheet_file
from worker.observe.siblings import Siblings
from worker.settings import Settings
from worker.supervisor import Child, Hooks, Patience, Supervisor


def supervise(application: str, settings: Settings, options: Mapping[str, object], processes: int) -> int:
    """Serve in `processes` child processes, each a fresh interpreter; returns the exit code."""
    Logs(LogRules(level=settings.log_level, levels=settings.log_levels, log_format=settings.log_format)).set_up(
        process="supervisor"
    )
    fds = [new_sheet_file() for _ in range(processes)]
    sheets = [Sheet(fd) for fd in fds]
    siblings = Siblings(sheets, stall_s=settings.health_stall_s)
    children = [Child(index, child_command(application, options, fd), [fd]) for index, fd in enumerate(fds)]
    patience = Patience(grace_s=settings.shutdown_grace_s, hard_stop_s=settings.hard_stop_s)
    with _pages(settings, sheets, siblings) as ready_words:
        # Not SIGTERM: the kernel may send it once for each thread of the parent, and the second one means at once.
        hooks = Hooks(dying_with_parent(signal.SIGHUP), siblings.ended, siblings.crashed, ready_words)
        return asyncio.run(Supervisor(children, patience, hooks).run())


def child_command(application: str, options: Mapping[str, object], sheet_fd: int) -> list[str]:
    """Return the command of a child: the options that were typed, and counting on its sheet instead of a port."""
    command = [sys.executable, "-m", "worker", "worker", "--app", application, "--sheet-fd", str(sheet_fd)]
    for name, value in (dict(options) | {"metrics_port": -1}).items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            command.append(f"--{flag}" if value else f"--no-{flag}")
        elif value is not None:
            command += [f"--{flag}", str(value)]
    return command


@contextlib.contextmanager
def _pages(settings: Settings, sheets: Sequence[Sheet], siblings: Siblings) -> Generator[list[str]]:
    """Serve metrics and probes of all children; yields what the READY line says of them."""
    if settings.metrics_port < 0:
        yield []
        return
    buckets = Buckets.of_settings(settings.wait_buckets_s, settings.turn_buckets_s)
    build = build_info()
    shown = Exposition(sheets, buckets=buckets, build=build, redis_ok=lambda: siblings.redis_ok)
    pages = Pages(siblings, shown.registry(), build)
    with MetricsServer(pages, host=settings.metrics_host, port=settings.metrics_port) as server:
        yield [f"metrics={server.url}/metrics"]
