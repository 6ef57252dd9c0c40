"""What errands need of the store: sessions and dead letters of all shards."""

from hashlib import sha256

from pydantic import JsonValue

from schemas.errands import DisposeOrder, RedriveOrder
from schemas.keyspace import ShardKeys, split_sid
from worker.housekeeping.outlet import Outlet
from worker.store.dead_letters import Buried, Graveyard
from worker.store.links import Links
from worker.store.sessions import Sessions

#: dead letters that one slice looks at; a page of `Graveyard`
LETTERS = 200


class Archive:
    """Sessions and dead letters of a namespace; every method raises `QueueUnavailable`."""

    def __init__(self, url: str, namespace: str, outlet: Outlet) -> None:
        """Prepare the connections; nothing is opened yet. Requests go out by `outlet`."""
        self._links = Links(url, namespace)
        self._namespace = namespace
        self._outlet = outlet
        self._sessions = Sessions(self._links)
        self._graveyard = Graveyard(self._links)

    async def export(self, client_id: str, swarm_name: str) -> dict[str, JsonValue] | None:
        """Return all that is kept of a session, None when it is not there."""
        return await self._sessions.export(client_id, swarm_name)

    async def dispose_some(self, order: DisposeOrder) -> DisposeOrder | None:
        """Ask one page of sessions to dispose; return the next slice, None after the last.

        Their request ids follow from the errand and the session, so a slice that runs twice asks once.
        """
        shards = await self._sessions.shards()
        keys = ShardKeys(self._namespace, order.shard)
        cursor, sids = await self._sessions.scan(keys, order.cursor, swarm=order.swarm_name)
        for sid in sids:
            await self._outlet.put(_disposal(order, sid))
        if cursor != "0":
            return order.model_copy(update={"cursor": cursor})
        following = order.shard + 1
        return order.model_copy(update={"shard": following, "cursor": "0"}) if following < len(shards) else None

    async def redrive_some(self, order: RedriveOrder) -> RedriveOrder | None:
        """Send one page of dead letters again; return the next slice, None after the last."""
        began = order.began or str(await self._sessions.now_ms(ShardKeys(self._namespace, order.shard)))
        last: Buried | None = None
        looked_at = 0
        async for buried in self._graveyard.newest_first(order.shard, before=order.before or began):
            if looked_at == LETTERS:
                return order.model_copy(update={"began": began, "before": f"({last.entry_id}" if last else None})
            looked_at, last = looked_at + 1, buried
            if _is_meant(order, buried):
                await self._graveyard.redrive(buried)
        following = order.shard + 1
        if following == len(await self._sessions.shards()):
            return None
        return order.model_copy(update={"began": began, "before": None, "shard": following})

    async def close(self) -> None:
        """Close the connections."""
        await self._links.close()


def _is_meant(order: RedriveOrder, buried: Buried) -> bool:
    letter = buried.letter
    if letter is None:
        return False
    return order.reason in (None, letter.reason) and order.swarm_name in (None, buried.original("swarmName"))


def _disposal(order: DisposeOrder, sid: str) -> dict[str, str]:
    swarm_name, client_id = split_sid(sid)
    request_id = f"dispose.{order.root}.{sha256(sid.encode()).hexdigest()[:16]}"
    fields = {"v": "1", "requestId": request_id, "clientId": client_id, "swarmName": swarm_name, "kind": "dispose"}
    return fields | ({"force": "1"} if order.force else {})
