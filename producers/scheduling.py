"""Requests for later, kept by arq until their time; the only file of this package that knows arq."""

import json
from datetime import datetime, timedelta
from typing import Final

from arq.connections import ArqRedis, RedisSettings, create_pool
from redis.exceptions import RedisError

from producers.errors import InvalidRequest, QueueUnavailable
from schemas.keyspace import SEND_LATER_JOB, arq_queue
from schemas.wire import Request, to_fields

#: how long after its time a job may still be begun, should no housekeeping run: 30 days
_KEPT_MS: Final = 30 * 24 * 3600 * 1000


class Schedule:
    """Hands requests to arq; at their time housekeeping sends them with their fixed request ids."""

    def __init__(self, url: str, namespace: str) -> None:
        self._settings = RedisSettings.from_dsn(url)
        self._settings.conn_retries = 1
        self._queue = arq_queue(namespace)
        self._pool: ArqRedis | None = None

    async def send_later(
        self, request: Request, *, defer_by: timedelta | float | None, defer_until: datetime | None
    ) -> None:
        """Keep `request` until its time; raise InvalidRequest, QueueUnavailable.

        The same request id again changes nothing.
        """
        _check_moment(defer_by, defer_until)
        job_id = f"later:{request.request_id}"
        try:
            pool = await self._connect()
            await pool.enqueue_job(
                SEND_LATER_JOB, to_fields(request), _job_id=job_id, _defer_by=defer_by, _defer_until=defer_until
            )
        except (RedisError, OSError) as fault:
            # with a fixed job id, a second attempt can't make a second job
            raise QueueUnavailable(str(fault), request_id=request.request_id, may_be_accepted=True) from None

    async def close(self) -> None:
        """Close the connections of arq."""
        if self._pool is not None:
            await self._pool.aclose()

    async def _connect(self) -> ArqRedis:
        if self._pool is None:
            self._pool = await create_pool(
                self._settings,
                # never arq's default, pickle: whoever can write to Redis could then run code
                job_serializer=_to_json,
                job_deserializer=_from_json,
                default_queue_name=self._queue,
                expires_extra_ms=_KEPT_MS,
            )
        return self._pool


def _check_moment(defer_by: timedelta | float | None, defer_until: datetime | None) -> None:
    if (defer_by is None) == (defer_until is None):
        raise InvalidRequest("give either defer_by (seconds or a timedelta) or defer_until")
    if defer_until is not None and defer_until.tzinfo is None:
        raise InvalidRequest("defer_until needs a time zone, such as datetime(..., tzinfo=UTC)")


def _to_json(job: dict[str, object]) -> bytes:
    return json.dumps(job).encode()


def _from_json(raw: bytes) -> dict[str, object]:
    return json.loads(raw)
