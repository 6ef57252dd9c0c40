"""Where a request is, for callers whose time is over before it was answered."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, cast

from producers.commanders import Commanders
from producers.errors import QueueUnavailable
from schemas.errors import BadItem
from schemas.keyspace import ShardKeys, sid_of
from schemas.replies import Accepted, Reply, parse_result

#: how long a caller whose time is over waits for this
_LOOK_UP_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """What the keys say: `state` is `waiting`, `held` or `unknown`; `where` is a sentence for people."""

    state: str
    where: str
    holder: str = ""


async def find_result(
    commanders: Commanders, shards: Iterable[ShardKeys], request_id: str, *, timeout_s: float
) -> Reply | Accepted | None:
    """Return the terminal reply or the marker of a request, from whichever shard has it; raise QueueUnavailable."""
    look_ups = (commanders.of(keys).call("GET", keys.result(request_id), timeout_s=timeout_s) for keys in shards)
    for raw in await asyncio.gather(*look_ups):
        if raw is not None:
            try:
                return parse_result(cast("bytes", raw))
            except BadItem:
                continue
    return None


async def locate(commanders: Commanders, shards: Iterable[ShardKeys], request_id: str) -> Reply | Whereabouts:
    """Return where a request is, or its reply if that has come in the meantime; never raises."""
    shards = tuple(shards)
    try:
        result = await find_result(commanders, shards, request_id, timeout_s=_LOOK_UP_S)
        if isinstance(result, Reply):
            return result
        if result is None:
            return Whereabouts("unknown", "no worker has accepted it so far (does one run for this namespace?)")
        return await _locate_session(commanders, shards, result)
    except QueueUnavailable as fault:
        return Whereabouts("unknown", f"Redis could not be asked where it is: {fault}")


async def _locate_session(commanders: Commanders, shards: tuple[ShardKeys, ...], marker: Accepted) -> Whereabouts:
    sid = sid_of(marker.swarm_name, marker.client_id)
    looks = (
        commanders.of(keys).call("HMGET", keys.session(sid), "status", "holder", timeout_s=_LOOK_UP_S)
        for keys in shards
    )
    for answer in await asyncio.gather(*looks):
        status, holder = (raw.decode() if raw else "" for raw in cast("list[bytes | None]", answer))
        if holder and status in ("held", "disposing"):
            return Whereabouts("held", f"accepted; its session is held by worker {holder}", holder)
        if status == "delayed":
            return Whereabouts("waiting", "accepted; its session waits for a retry")
        if status:
            return Whereabouts("waiting", "accepted; its session waits for a worker that is free")
    return Whereabouts("unknown", "accepted, but its session is not to be found")
