"""`swarmline worker`: serve an application until told to stop."""

from typing import Annotated

import typer

from worker.cli.errors import advising
from worker.cli.options import Namespace, RedisUrl
from worker.settings import Settings, hand_down_redis_url, load_settings

AppReference = Annotated[str, typer.Option("--app", help="What to serve, as MODULE:ATTR.", metavar="MODULE:ATTR")]
Processes = Annotated[int, typer.Option("--processes", help="Worker processes on this machine.", min=1, max=1024)]
Shards = Annotated[int | None, typer.Option("--shards", help="Shards of the namespace.", show_default=False)]
Slots = Annotated[
    int | None,
    typer.Option("--slots", "--max-sessions-in-flight", help="Sessions that run at once.", show_default=False),
]
LeaseS = Annotated[float | None, typer.Option("--lease-s", help="Life of the worker's lease.", show_default=False)]
MetricsHost = Annotated[
    str | None, typer.Option("--metrics-host", help="Address of /metrics and the probes.", show_default=False)
]
MetricsPort = Annotated[
    int | None,
    typer.Option("--metrics-port", help="Their port; 0 = any free one, -1 = off.", show_default=False),
]
Housekeeping = Annotated[
    bool | None,
    typer.Option("--housekeeping/--no-housekeeping", help="Do periodic work in this worker.", show_default=False),
]
Strict = Annotated[
    bool | None, typer.Option("--strict/--no-strict", help="Refuse where it would only warn.", show_default=False)
]
LogLevel = Annotated[str | None, typer.Option("--log-level", help="DEBUG, INFO, WARNING or ERROR.", show_default=False)]
SheetFd = Annotated[int, typer.Option("--sheet-fd", help="Where a child of --processes counts.", hidden=True)]


def worker(
    application: AppReference,
    *,
    processes: Processes = 1,
    redis_url: RedisUrl = None,
    namespace: Namespace = None,
    shards: Shards = None,
    max_sessions_in_flight: Slots = None,
    lease_s: LeaseS = None,
    metrics_host: MetricsHost = None,
    metrics_port: MetricsPort = None,
    housekeeping: Housekeeping = None,
    strict: Strict = None,
    log_level: LogLevel = None,
    sheet_fd: SheetFd = -1,
) -> None:
    """Serve an application; all settings of docs/settings.md can also come from the environment."""
    options = {
        "redis_url": redis_url,
        "namespace": namespace,
        "shards": shards,
        "max_sessions_in_flight": max_sessions_in_flight,
        "lease_s": lease_s,
        "metrics_host": metrics_host,
        "metrics_port": metrics_port,
        "housekeeping": housekeeping,
        "strict": strict,
        "log_level": log_level,
    }
    settings = load_settings(options)
    if redis_url is not None:
        hand_down_redis_url(redis_url)
        options["redis_url"] = None
    if processes > 1:
        from worker.cli.processes import supervise

        raise typer.Exit(supervise(application, settings, options, processes))
    raise typer.Exit(serve(application, settings, sheet_fd))


def serve(application: str, settings: Settings, sheet_fd: int) -> int:
    """Serve in this process; returns the exit code."""
    import uvloop

    from worker.cli.load import load_app
    from worker.wiring import run_worker

    app = load_app(application)
    with advising("worker"):
        return uvloop.run(run_worker(app, settings, sheet_fd))
