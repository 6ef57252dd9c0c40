"""Housekeeping alone, by arq's own command: `arq worker.housekeeping.WorkerSettings`.

Together with workers that run with `--no-housekeeping` the figures of the cluster then come from exactly one place.
An entry point like the `swarmline` command: it reads the environment and builds what it needs.
"""

import contextlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import structlog
from arq.connections import RedisSettings

from worker.errors import ConfigurationError
from worker.housekeeping.exporting import exporting
from worker.housekeeping.household import household_of, plan_of
from worker.housekeeping.supervise import supervise_housekeeping, worker_options
from worker.observe.metrics import Metrics
from worker.settings import load_settings
from worker.store.setup import NOT_ON_CLUSTER

log = structlog.get_logger(__name__)


def worker_settings() -> dict[str, Any]:
    """Return the settings of an arq worker as arq's command takes them; raises ConfigurationError."""
    settings = load_settings()
    plan = plan_of(settings)
    metrics = Metrics()
    household = household_of(settings, metrics)
    stack = contextlib.AsyncExitStack()

    async def keep_house(context: dict[str, Any]) -> None:
        if (await context["redis"].info("cluster")).get("cluster_enabled"):
            log.error(str(NOT_ON_CLUSTER))  # what arq does to close hides what we raise
            raise ConfigurationError(str(NOT_ON_CLUSTER))
        # The worker that arq's command has started would end at the first outage of Redis. It stays here until it is
        # told to end, and others do its work, which are built anew.
        await stack.enter_async_context(exporting(settings, household.housekeepers, metrics))
        await supervise_housekeeping(plan, household)

    async def close_all(_context: Mapping[str, Any]) -> None:
        await stack.aclose()
        await household.close()

    return {
        **worker_options(plan, household),
        "on_startup": keep_house,
        "on_shutdown": close_all,
        # read by `arq --check` alone; the worker itself uses the pool of the options
        "redis_settings": redis_settings(settings.housekeeping_url),
    }


def redis_settings(url: str) -> RedisSettings:
    """Return an address as arq takes it; unlike arq's own `from_dsn`, it decodes what is percent-encoded."""
    settings, parts = RedisSettings.from_dsn(url), urlsplit(url)
    settings.username = unquote(parts.username) if parts.username else None
    settings.password = unquote(parts.password) if parts.password else None
    if settings.unix_socket_path is not None:
        settings.unix_socket_path = unquote(settings.unix_socket_path)
    return settings
