"""Work that somebody asked for: redrive dead letters, dispose a swarm, export a session.

Each job is short and harmless when run twice: arq hides a job whose process was killed for as long as the job may take.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Any, TypeVar, cast

import structlog
from arq.worker import Function, Retry, func
from pydantic import JsonValue, ValidationError
from pydantic_core import to_json

from schemas.errands import DISPOSE_JOB, EXPORT_JOB, REDRIVE_JOB, DisposeOrder, ExportOrder, RedriveOrder, Slice
from schemas.model import WireModel, describe
from worker.errors import QueueUnavailable
from worker.housekeeping.archive import Archive
from worker.housekeeping.chores import HOUSEHOLD, Household

RETRY_AFTER_S = 5
#: a day without Redis
TRIES = 17_280
SLICE_TIMEOUT_S = 30
#: how long whoever asked for an export has to fetch it
EXPORT_LIFE_S = 60
#: how long the next slice waits for a worker
NEXT_LIFE = timedelta(days=1)

OrderT = TypeVar("OrderT", bound=WireModel)
SliceT = TypeVar("SliceT", bound=Slice)
T = TypeVar("T")

log = structlog.get_logger(__name__)


async def redrive_dead_letters(context: Mapping[str, Any], fields: dict[str, JsonValue]) -> None:
    """Send dead letters again, a page at a time."""
    await _next_slice(context, REDRIVE_JOB, _order(RedriveOrder, fields), Archive.redrive_some)


async def dispose_swarm(context: Mapping[str, Any], fields: dict[str, JsonValue]) -> None:
    """Ask every session of a swarm to dispose, a page at a time."""
    await _next_slice(context, DISPOSE_JOB, _order(DisposeOrder, fields), Archive.dispose_some)


async def export_session(context: Mapping[str, Any], fields: dict[str, JsonValue]) -> dict[str, JsonValue] | None:
    """Return all that is kept of a session, None when it is not there; the result of the job is kept for a minute."""
    order = _order(ExportOrder, fields)
    if order is None:
        return None
    return await _with_archive(context, EXPORT_JOB, lambda archive: archive.export(order.client_id, order.swarm_name))


def errands() -> list[Function]:
    """Return the jobs, for arq."""
    kept = {REDRIVE_JOB: 0, DISPOSE_JOB: 0, EXPORT_JOB: EXPORT_LIFE_S}
    work = {REDRIVE_JOB: redrive_dead_letters, DISPOSE_JOB: dispose_swarm, EXPORT_JOB: export_session}
    return [
        func(cast("Any", work[name]), name=name, keep_result=life_s, timeout=SLICE_TIMEOUT_S, max_tries=TRIES)
        for name, life_s in kept.items()
    ]


async def _next_slice(
    context: Mapping[str, Any],
    name: str,
    order: SliceT | None,
    work: Callable[[Archive, SliceT], Awaitable[SliceT | None]],
) -> None:
    if order is None:
        return
    following = await _with_archive(context, name, lambda archive: work(archive, order))
    if following is not None:
        # the same id for the same slice: run twice, it asks for one successor
        job_id = f"{name}:{following.root}:{sha256(following.to_json().encode()).hexdigest()[:16]}"
        await context["redis"].enqueue_job(name, following.model_dump(mode="json"), _job_id=job_id, _expires=NEXT_LIFE)


async def _with_archive(context: Mapping[str, Any], name: str, work: Callable[[Archive], Awaitable[T]]) -> T:
    household: Household = context[HOUSEHOLD]
    if household.archive is None:
        raise Retry(defer=RETRY_AFTER_S)  # for another worker: unknown jobs are dropped by arq
    try:
        return await work(household.archive)
    except QueueUnavailable as error:
        household.on_unavailable(name)
        raise Retry(defer=RETRY_AFTER_S) from error


def _order(model: type[OrderT], fields: object) -> OrderT | None:
    try:
        # from JSON: a strict model takes names of enums as text only there
        return model.model_validate_json(to_json(fields))
    except ValidationError as error:
        # the producer checked it before it was asked for, so somebody else has written this job
        log.warning("errand_refused", errand=model.__name__, fault=describe(error))
        return None
