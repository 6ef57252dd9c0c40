"""Looking for a terminal reply at the result key: of a request that somebody has sent, or whose time is over."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from producers.clock import sleep
from producers.commanders import Commanders
from producers.errors import QueueUnavailable, ReplyTimeout
from producers.hub import Hub
from producers.packing import Parcel
from producers.replies import ExpectedReply
from producers.whereabouts import Whereabouts, find_result, locate
from schemas.keyspace import ShardKeys
from schemas.replies import Reply

#: pauses between two looks at a result key: the first, the longest and the growth
_LOOK_S: Final = 0.01
_LONGEST_LOOK_S: Final = 0.5
_LOOK_GROWTH: Final = 1.5


async def wait_for_result(
    commanders: Commanders, shards: Callable[[], Awaitable[Iterable[ShardKeys]]], request_id: str, timeout_s: float
) -> Reply:
    """Look at the result key of a request until the reply is there; raise ReplyTimeout.

    `shards` is asked before each look, since it may not be known yet how many there are.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    pause_s = _LOOK_S
    while (left_s := deadline - loop.time()) > 0:
        # an outage is no answer yet
        with contextlib.suppress(QueueUnavailable):
            found = await find_result(commanders, await shards(), request_id, timeout_s=left_s)
            if isinstance(found, Reply):
                return found
        await sleep(min(pause_s, max(0.0, deadline - loop.time())))
        pause_s = min(pause_s * _LOOK_GROWTH, _LONGEST_LOOK_S)
    return await _overdue(commanders, await shards(), request_id, timeout_s)


async def share_result(hub: Hub, parcel: Parcel, timeout_s: float) -> Reply:
    """Return the reply to a request that somebody else of this producer has sent and waits for; raise ReplyTimeout."""

    async def shard() -> tuple[ShardKeys, ...]:
        return (parcel.keys,)

    return await wait_for_result(hub.commanders, shard, parcel.request_id, timeout_s)


async def give_up(hub: Hub, expected: ExpectedReply, timeout_s: float) -> Reply:
    """Tell where a request is whose time is over: raise ReplyTimeout, QueueUnavailable, or return a reply come late."""
    if not expected.is_added:
        reason = (
            f"Redis did not confirm the request within {timeout_s:g} s: {hub.commanders.of(expected.parcel.keys).state}"
        )
        raise expected.fault(reason, is_unsure=expected.times_sent > 0)
    return await _overdue(hub.commanders, (expected.parcel.keys,), expected.parcel.request_id, timeout_s)


async def _overdue(commanders: Commanders, shards: Iterable[ShardKeys], request_id: str, timeout_s: float) -> Reply:
    found = await locate(commanders, shards, request_id)
    if isinstance(found, Whereabouts):
        raise ReplyTimeout(request_id, timeout_s, state=found.state, where=found.where, holder=found.holder)
    return found
