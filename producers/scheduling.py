"""Requests for later and errands, kept by arq until their time; the only file of this package that knows arq."""

import json
import math
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, cast

from arq.connections import ArqRedis
from arq.jobs import Job, ResultNotFound, SerializationError
from redis.exceptions import RedisError

from producers.errors import InvalidRequest, QueueUnavailable
from producers.line import tls_options
from schemas.keyspace import SEND_LATER_JOB, arq_queue
from schemas.model import WireModel
from schemas.wire import Request, to_fields

#: how long after its time a job may still be begun, should no housekeeping run: 30 days
_KEPT_MS: Final = 30 * 24 * 3600 * 1000
_TIMEOUT_S: Final = 5.0
_LOOK_EVERY_S: Final = 0.1


class Schedule:
    """Hands requests to arq; at their time housekeeping sends them with their fixed request ids."""

    def __init__(self, url: str, namespace: str) -> None:
        # arq's own way from a URL to a connection would lose its options, those of TLS among them
        from_url = cast("Callable[..., ArqRedis]", ArqRedis.from_url)  # pyright: ignore[reportUnknownMemberType]
        self._pool = from_url(url, socket_connect_timeout=_TIMEOUT_S, socket_timeout=_TIMEOUT_S, **tls_options(url))
        # never arq's default, pickle: whoever can write to Redis could then run code
        self._pool.job_serializer, self._pool.job_deserializer = _to_json, _from_json
        self._pool.default_queue_name, self._pool.expires_extra_ms = arq_queue(namespace), _KEPT_MS

    async def send_later(
        self, request: Request, *, defer_by: timedelta | float | None, defer_until: datetime | None
    ) -> None:
        """Keep `request` until its time; raise InvalidRequest, QueueUnavailable.

        The same request id again changes nothing.
        """
        _check_moment(defer_by, defer_until)
        job_id = f"later:{request.request_id}"
        try:
            await self._pool.enqueue_job(
                SEND_LATER_JOB, to_fields(request), _job_id=job_id, _defer_by=defer_by, _defer_until=defer_until
            )
        except (RedisError, OSError) as fault:
            # with a fixed job id, a second attempt can't make a second job
            raise QueueUnavailable(_reason(fault), request_id=request.request_id, may_be_accepted=True) from None

    async def ask(self, job: str, order: WireModel, *, job_id: str) -> None:
        """Give an errand to housekeeping; raise QueueUnavailable. The same job id again changes nothing."""
        try:
            await self._pool.enqueue_job(job, order.model_dump(mode="json"), _job_id=job_id)
        except (RedisError, OSError) as fault:
            raise QueueUnavailable(f"the errand may not have been taken down: {_reason(fault)}") from None

    async def answer(self, job_id: str, *, timeout_s: float) -> object:
        """Return what a job gave out; raise TimeoutError, QueueUnavailable."""
        job = Job(job_id, self._pool, _queue_name=self._pool.default_queue_name, _deserializer=_from_json)
        try:
            return cast("object", await job.result(timeout=timeout_s, poll_delay=_LOOK_EVERY_S))
        except (TimeoutError, ResultNotFound):
            raise TimeoutError from None  # or it was done, and its result is gone already
        except SerializationError:
            # it failed, or somebody else has written there; texts of exceptions may hold what is private
            raise QueueUnavailable("housekeeping could not do the errand: its log says why") from None
        except (RedisError, OSError) as fault:
            raise QueueUnavailable(f"no answer from the Redis of housekeeping: {fault}") from None

    async def close(self) -> None:
        """Close the connections of arq."""
        await self._pool.aclose()


def _reason(fault: Exception) -> str:
    """Return what Redis says, without the command that redis-py puts before it: that repeats what is in the request."""
    return str(fault).rpartition("of pipeline caused error: ")[2].strip("()\"',")


def _check_moment(defer_by: timedelta | float | None, defer_until: datetime | None) -> None:
    if (defer_by is None) == (defer_until is None):
        raise InvalidRequest("give either defer_by (seconds or a timedelta) or defer_until")
    if isinstance(defer_by, float) and not math.isfinite(defer_by):
        raise InvalidRequest("defer_by must be a number of seconds")
    if defer_until is not None and defer_until.tzinfo is None:
        raise InvalidRequest("defer_until needs a time zone, such as datetime(..., tzinfo=UTC)")


def _to_json(job: dict[str, object]) -> bytes:
    return json.dumps(job).encode()


def _from_json(raw: bytes) -> dict[str, object]:
    return json.loads(raw)
