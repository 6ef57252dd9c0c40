"""Requests whose time has come: put on their stream they are like all others."""

from collections.abc import Mapping
from typing import Any, cast

import structlog
from arq.worker import Function, Retry, func

from schemas.errors import BadRequest
from schemas.keyspace import SEND_LATER_JOB
from worker.errors import QueueUnavailable
from worker.housekeeping.chores import HOUSEHOLD, Household

RETRY_AFTER_S = 5
#: a day without Redis; a job that was begun and not finished is tried again too, which is harmless: same request id
TRIES = 17_280
TIMEOUT_S = 10

log = structlog.get_logger(__name__)


async def send_later(context: Mapping[str, Any], fields: Mapping[str, str]) -> None:
    """Send a request that was kept until now; without Redis it is kept a little longer."""
    household: Household = context[HOUSEHOLD]
    if household.outlet is None:
        raise Retry(defer=RETRY_AFTER_S)  # for another worker: unknown jobs are dropped by arq
    try:
        await household.outlet.put(fields)
    except QueueUnavailable as error:
        household.on_unavailable(SEND_LATER_JOB)
        raise Retry(defer=RETRY_AFTER_S) from error
    except BadRequest as error:
        # the producer checked it before it was kept, so somebody else has written this job
        log.warning("kept_request_refused", error=error)


def jobs() -> list[Function]:
    """Return the jobs that are no chores: somebody asked for each of them."""
    return [func(cast("Any", send_later), name=SEND_LATER_JOB, keep_result=0, timeout=TIMEOUT_S, max_tries=TRIES)]
