"""Housekeeping alone, by arq's own command: `arq worker.housekeeping.WorkerSettings`.

Together with workers that run with `--no-housekeeping` the figures of the cluster then come from exactly one place.
An entry point like the `swarmline` command: it reads the environment and builds what it needs.
"""

import contextlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from arq.connections import RedisSettings

from worker.housekeeping.archive import Archive
from worker.housekeeping.chores import Household
from worker.housekeeping.exporting import exporting, housekeepers_of
from worker.housekeeping.outlet import Outlet
from worker.housekeeping.supervise import HousekeepingPlan, worker_options
from worker.observe.metrics import Metrics
from worker.settings import load_settings


def worker_settings() -> dict[str, Any]:
    """Return the settings of an arq worker as arq's command takes them; raises ConfigurationError."""
    settings = load_settings()
    metrics = Metrics()
    housekeepers = housekeepers_of(settings)
    outlet = Outlet(settings.redis_url.get_secret_value(), settings.namespace, settings.shards)
    archive = Archive(settings.redis_url.get_secret_value(), settings.namespace, outlet)
    household = Household(housekeepers, metrics.cluster, metrics.redis_error, outlet, archive)
    plan = HousekeepingPlan(
        redis_url=settings.housekeeping_url, namespace=settings.namespace, sweep_every_s=settings.sweep_interval_s
    )

    stack = contextlib.AsyncExitStack()

    async def open_metrics(_context: dict[str, Any]) -> None:
        await stack.enter_async_context(exporting(settings, housekeepers, metrics))

    async def close_all(_context: Mapping[str, Any]) -> None:
        await stack.aclose()
        for part in (archive, outlet, *housekeepers):
            await part.close()

    return {
        **worker_options(plan, household),
        "on_startup": open_metrics,
        "on_shutdown": close_all,
        # read by `arq --check` alone; the worker itself uses the pool of the options
        "redis_settings": redis_settings(settings.housekeeping_url),
    }


def redis_settings(url: str) -> RedisSettings:
    """Return an address as arq takes it; unlike arq's own `from_dsn`, it decodes what is percent-encoded."""
    settings, parts = RedisSettings.from_dsn(url), urlsplit(url)
    settings.username = unquote(parts.username) if parts.username else None
    settings.password = unquote(parts.password) if parts.password else None
    return settings
