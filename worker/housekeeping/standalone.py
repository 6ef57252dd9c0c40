"""Housekeeping alone, by arq's own command: `arq worker.housekeeping.WorkerSettings`.

Together with workers that run with `--no-housekeeping` the figures of the cluster then come from exactly one place.
An entry point like the `swarmline` command: it reads the environment and builds what it needs.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import structlog
from arq.connections import RedisSettings

from schemas.keyspace import ShardKeys
from worker.housekeeping.chores import CALLER_ID, Household
from worker.housekeeping.outlet import Outlet
from worker.housekeeping.supervise import HousekeepingPlan, worker_options
from worker.observe.build import build_info
from worker.observe.metrics import Metrics
from worker.observe.server import MetricsServer, Pages
from worker.settings import Settings, load_settings
from worker.store.housekeeper import ShardHousekeeper

log = structlog.get_logger(__name__)


def worker_settings() -> dict[str, Any]:
    """Return the settings of an arq worker as arq's command takes them; raises ConfigurationError."""
    settings = load_settings()
    metrics = Metrics(build=build_info())
    housekeepers = _housekeepers(settings)
    outlet = Outlet(settings.redis_url.get_secret_value(), settings.namespace, settings.shards)
    household = Household(housekeepers, metrics.cluster, metrics.redis_error, outlet)
    plan = HousekeepingPlan(
        redis_url=settings.housekeeping_url, namespace=settings.namespace, sweep_every_s=settings.sweep_interval_s
    )

    async def open_metrics(context: dict[str, Any]) -> None:
        if settings.metrics_port >= 0:
            pages = Pages(None, metrics.registry, build_info())
            server = MetricsServer(pages, host=settings.metrics_host, port=settings.metrics_port)
            server.start()
            context["metrics_server"] = server
            log.info("serving_metrics", url=server.url)

    async def close_all(context: Mapping[str, Any]) -> None:
        if server := context.get("metrics_server"):
            server.close()
        for part in (outlet, *housekeepers):
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


def _housekeepers(settings: Settings) -> list[ShardHousekeeper]:
    url, lease_ms = settings.redis_url.get_secret_value(), int(settings.lease_s * 1000)
    shards = [ShardKeys(settings.namespace, shard) for shard in range(settings.shards)]
    return [ShardHousekeeper(url, keys, CALLER_ID, lease_ms) for keys in shards]
