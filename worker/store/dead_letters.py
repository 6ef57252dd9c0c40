"""The dead letters of a namespace: to look at, to send again, to drop; for the command line and for housekeeping."""

import re
from collections.abc import AsyncIterator
from typing import Final, NamedTuple
from uuid import uuid4

from schemas.dead_letters import DeadLetter, from_dead_fields, redrive_fields, redrive_id
from schemas.errors import BadItem
from schemas.keyspace import ShardKeys
from schemas.names import is_client_id, is_request_id, shard_of
from worker.store.link import Answer, by_name
from worker.store.links import Links

_PAGE: Final = 200
_REDRIVEN: Final = re.compile(r"(.+)\.r(\d{1,6})")


class Buried(NamedTuple):
    """A dead letter and where it lies; `letter` is None for an entry that no worker of this version wrote."""

    shard: int
    entry_id: str
    letter: DeadLetter | None

    def original(self, name: str) -> str:
        """Return a field of the entry as it came, `""` when it had none."""
        raw = b"" if self.letter is None else self.letter.original.get(name.encode(), b"")
        return raw.decode(errors="replace")


class Graveyard:
    """All dead letters; every method raises `QueueUnavailable`."""

    def __init__(self, links: Links) -> None:
        """Read and write over `links`, which nobody else may use at the same time."""
        self._links = links

    async def shards(self) -> int:
        """Return the number of shards of the namespace, 1 as long as no worker has made it."""
        return len(await self._links.shards())

    async def count(self) -> int:
        """Return how many there are."""
        shards = await self._links.shards()
        return sum([await self._links.of(keys).command("XLEN", keys.dead) for keys in shards])

    async def newest_first(self, shard: int, *, before: str = "+") -> AsyncIterator[Buried]:
        """Yield the dead letters of one shard, all or those up to the entry id or time `before`."""
        keys, end = self._keys(shard), before
        while True:
            page = await self._links.of(keys).command("XREVRANGE", keys.dead, end, "-", "COUNT", _PAGE)
            for entry_id, fields in page:
                yield _buried(shard, entry_id, fields)
            if len(page) < _PAGE:
                return
            end = f"({page[-1][0].decode()}"

    async def find(self, shard: int, entry_id: str) -> Buried | None:
        """Return one dead letter, None when there is none."""
        keys = self._keys(shard)
        page = await self._links.of(keys).command("XRANGE", keys.dead, entry_id, entry_id, "COUNT", 1)
        return _buried(shard, *page[0]) if page else None

    async def redrive(self, buried: Buried, *, keeps_deadline: bool = True) -> str:
        """Send a dead letter again under a new request id, then drop it; return that id.

        The new id follows from the old one, so that doing it twice is harmless: the second entry is known already.
        Raises `ValueError` for a letter that can't be read.
        """
        if buried.letter is None:
            raise ValueError("this entry is no dead letter of a version that is known here")
        fields = _again(buried.letter)
        if not keeps_deadline:
            fields.pop(b"deadlineMs", None)
        keys = self._keys(await self._shard_of(buried))
        flat = [part for pair in fields.items() for part in pair]
        await self._links.of(keys).command("XADD", keys.requests, "*", *flat)
        await self.drop(buried.shard, buried.entry_id)
        return fields[b"requestId"].decode()

    async def drop(self, shard: int, entry_id: str) -> bool:
        """Delete a dead letter; tell whether it was there."""
        keys = self._keys(shard)
        return await self._links.of(keys).command("XDEL", keys.dead, entry_id) == 1

    def _keys(self, shard: int) -> ShardKeys:
        return ShardKeys(self._links.namespace, shard)

    async def _shard_of(self, buried: Buried) -> int:
        """Return where the request belongs: its letter may lie in another shard because it was sent there."""
        client_id = buried.original("clientId")
        return shard_of(client_id, await self.shards()) if is_client_id(client_id) else buried.shard


def _buried(shard: int, entry_id: bytes, fields: list[Answer]) -> Buried:
    try:
        letter = from_dead_fields(by_name(fields))
    except BadItem:
        letter = None
    return Buried(shard, entry_id.decode(), letter)


def _again(letter: DeadLetter) -> dict[bytes, bytes]:
    """Return the fields of the next try: `r-1` becomes `r-1.r1`, and that `r-1.r2`."""
    old_id = letter.original.get(b"requestId", b"").decode(errors="replace")
    if not is_request_id(old_id):
        return redrive_fields(letter, 1) | {b"requestId": uuid4().hex.encode()}
    redriven = _REDRIVEN.fullmatch(old_id)
    if redriven is None:
        return redrive_fields(letter, 1)
    return redrive_fields(letter, 1) | {b"requestId": redrive_id(redriven[1], int(redriven[2]) + 1).encode()}
