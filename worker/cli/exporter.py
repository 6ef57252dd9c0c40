"""`swarmline exporter`: the figures of the whole cluster, from one place that takes no work."""

import asyncio

import typer

from worker.cli.options import Namespace, RedisUrl
from worker.cli.worker import LogLevel, MetricsHost, MetricsPort, Shards
from worker.settings import load_settings


def exporter(
    *,
    redis_url: RedisUrl = None,
    namespace: Namespace = None,
    shards: Shards = None,
    metrics_host: MetricsHost = None,
    metrics_port: MetricsPort = None,
    log_level: LogLevel = None,
) -> None:
    """Serve the figures of the whole cluster at /metrics; workers leave them to it while it runs."""
    from worker.housekeeping.exporting import run_exporter
    from worker.observe.logs import LogRules, Logs

    options = {
        "redis_url": redis_url,
        "namespace": namespace,
        "shards": shards,
        "metrics_host": metrics_host,
        "metrics_port": metrics_port,
        "log_level": log_level,
    }
    settings = load_settings(options)
    Logs(LogRules(level=settings.log_level, levels=settings.log_levels, log_format=settings.log_format)).set_up(
        process="exporter"
    )
    raise typer.Exit(asyncio.run(run_exporter(settings)))
