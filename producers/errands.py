"""What a producer asks of the housekeeping of the workers: requests for later, and long work."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Unpack, cast
from uuid import uuid4

from pydantic import JsonValue, ValidationError

from producers.errors import InvalidRequest, QueueUnavailable
from producers.hub import Hub
from producers.packing import SendFields, check_client_id, check_swarm_name, make_request
from schemas.dead_letters import DeadReason
from schemas.errands import DISPOSE_JOB, EXPORT_JOB, REDRIVE_JOB, DisposeOrder, ExportOrder, RedriveOrder
from schemas.model import describe
from schemas.requests import RequestKind

if TYPE_CHECKING:
    from producers.scheduling import Schedule


class Errands:
    """The side of a producer that arq carries; `Producer` is the whole."""

    def __init__(self, hub: Hub, arq_url: str | None) -> None:
        self._hub = hub
        # Not kept as text: whoever shows a producer must not show the password in the URL.
        self._arq_url = lambda: arq_url or hub.address.url
        self._has_own_arq = arq_url not in (None, hub.address.url)
        self._arq: Schedule | None = None

    async def send_later(
        self,
        client_id: str,
        swarm_name: str,
        kind: RequestKind | str,
        *,
        defer_by: timedelta | float | None = None,
        defer_until: datetime | None = None,
        **fields: Unpack[SendFields],
    ) -> str:
        """Keep a request until `defer_until`, or for `defer_by` seconds, and return its request id at once.

        The housekeeping of the workers sends it then. Raise InvalidRequest, QueueUnavailable.
        """
        check_client_id(client_id)
        check_swarm_name(swarm_name)
        request = make_request(client_id, swarm_name, kind, fields)
        await self._schedule().send_later(request, defer_by=defer_by, defer_until=defer_until)
        return request.request_id

    async def redrive_dead_letters(
        self, *, reason: DeadReason | str | None = None, swarm_name: str | None = None
    ) -> str:
        """Have dead letters sent again, all or those of a reason or swarm; return the id of the errand at once.

        Those that come after it began are left alone. Raise InvalidRequest, QueueUnavailable.
        """
        root = uuid4().hex
        try:
            order = RedriveOrder(root=root, reason=DeadReason(reason) if reason else None, swarm_name=swarm_name)
        except ValidationError as fault:
            raise InvalidRequest(describe(fault)) from None
        except ValueError:
            raise InvalidRequest(f"unknown reason: use one of {', '.join(DeadReason)}") from None
        await self._schedule().ask(REDRIVE_JOB, order, job_id=f"{REDRIVE_JOB}:{root}")
        return root

    async def dispose_swarm(self, swarm_name: str, *, force: bool = False) -> str:
        """Have every session of a swarm disposed, with `force` at once; return the id of the errand at once.

        Sessions that begin meanwhile may be left. Raise InvalidRequest, QueueUnavailable.
        """
        check_swarm_name(swarm_name)
        root = uuid4().hex
        order = DisposeOrder(root=root, swarm_name=swarm_name, force=force)
        await self._schedule().ask(DISPOSE_JOB, order, job_id=f"{DISPOSE_JOB}:{root}")
        return root

    async def export_session(
        self, client_id: str, swarm_name: str, *, timeout_s: float = 30.0
    ) -> dict[str, JsonValue] | None:
        """Return all that is kept of a session as JSON: state, history, outbox, what waits; None if it is not there.

        Raise QueueUnavailable also when no housekeeping did it within `timeout_s` seconds.
        """
        check_client_id(client_id)
        check_swarm_name(swarm_name)
        job_id = f"{EXPORT_JOB}:{uuid4().hex}"
        order = ExportOrder(client_id=client_id, swarm_name=swarm_name)
        await self._schedule().ask(EXPORT_JOB, order, job_id=job_id)
        try:
            exported = await self._schedule().answer(job_id, timeout_s=timeout_s)
        except TimeoutError:
            reason = f"no housekeeping exported the session within {timeout_s:g} s (is a worker running with it?)"
            raise QueueUnavailable(reason) from None
        return cast("dict[str, JsonValue] | None", exported)

    async def close_schedule(self) -> None:
        """Close the connections of arq, if there are any."""
        if self._arq is not None:
            await self._arq.close()

    def _schedule(self) -> "Schedule":
        if self._hub.address.nodes.is_cluster and not self._has_own_arq:
            where = "its single server as `arq_url`, or in SWARMLINE_ARQ_REDIS_URL for the command line"
            raise InvalidRequest(f"housekeeping does not run on a Redis Cluster: name {where}")
        if self._arq is None:
            from producers.scheduling import Schedule  # noqa: PLC0415 - arq is loaded only by who needs it

            self._arq = Schedule(self._arq_url(), self._hub.namespace.name)
        return self._arq
