"""Metrics and probes of one process, over HTTP."""

import contextlib
from collections.abc import Generator

from worker.observe.build import build_info
from worker.observe.exposition import Exposition
from worker.observe.health import Health
from worker.observe.metrics import Metrics
from worker.observe.server import MetricsServer, Pages


@contextlib.contextmanager
def serving(health: Health, metrics: Metrics, *, host: str, port: int) -> Generator[str]:
    """Serve while this is open; yields the address of the metrics, `""` with a negative `port`, which is off.

    Raises `ConfigurationError` if the address can't be had.
    """
    if port < 0:
        yield ""
        return
    build = build_info()
    shown = Exposition([metrics.sheet], buckets=metrics.buckets, build=build, redis_ok=lambda: health.redis_ok)
    with MetricsServer(Pages(health, shown.registry(), build), host=host, port=port) as server:
        yield f"{server.url}/metrics"
