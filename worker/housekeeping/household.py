"""What housekeeping needs, built from settings: for a worker, for arq's own command, for the exporter."""

from collections.abc import Callable

from schemas.keyspace import ShardKeys
from worker.housekeeping.archive import Archive
from worker.housekeeping.chores import CALLER_ID, Household
from worker.housekeeping.outlet import Outlet
from worker.housekeeping.supervise import HousekeepingPlan
from worker.observe.metrics import Metrics
from worker.settings import Settings
from worker.store.housekeeper import ShardHousekeeper


def plan_of(settings: Settings) -> HousekeepingPlan:
    """Return where arq keeps its jobs, and how often it does what."""
    return HousekeepingPlan(
        redis_url=settings.housekeeping_url, namespace=settings.namespace, sweep_every_s=settings.sweep_interval_s
    )


def housekeepers_of(settings: Settings) -> list[ShardHousekeeper]:
    """Return one housekeeper for each shard; nothing is opened yet."""
    url, lease_ms = settings.redis_url.get_secret_value(), int(settings.lease_s * 1000)
    shards = [ShardKeys(settings.namespace, shard) for shard in range(settings.shards)]
    return [ShardHousekeeper(url, keys, CALLER_ID, lease_ms) for keys in shards]


def household_of(settings: Settings, metrics: Metrics, *, may_sweep: Callable[[], bool] = lambda: True) -> Household:
    """Return a household that does every chore, job and errand; nothing is opened yet."""
    url = settings.redis_url.get_secret_value()
    outlet = Outlet(url, settings.namespace, settings.shards)
    return Household(
        housekeepers_of(settings),
        metrics.cluster,
        metrics.redis_error,
        outlet,
        Archive(url, settings.namespace, outlet),
        may_sweep,
    )
