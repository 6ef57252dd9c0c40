"""Following one session: what its client was sent so far, from the outbox, and then live, without gap or double."""

import re
from collections import deque
from typing import Final, cast

from producers.commanders import Commanders
from producers.errors import InvalidRequest
from producers.listening import Consumer, Gap
from producers.subscription import Subscription
from schemas.errors import BadItem
from schemas.keyspace import ShardKeys
from schemas.replies import AnyItem, Delta, parse_client_item

#: outbox entries in one XRANGE
_PAGE: Final = 500
_ENTRY_ID: Final = re.compile(r"\d{1,20}-\d{1,20}")

#: where to begin: None = all that the outbox holds, an int = after that `seq`, "<ms>-<n>" = after that outbox entry,
#: "$" = only what is published from now on
Resume = int | str | None


class Stream(Consumer[AnyItem]):
    """The emits, notifies, replies and deltas of one session, in order; deltas are live only.

    To go on later, remember the `seq` of the last item and give it as `after`.
    """

    def __init__(
        self, subscription: Subscription, commanders: Commanders, keys: ShardKeys, sid: str, *, after: Resume = None
    ) -> None:
        self._is_live_only = after == "$"
        self._last_seq = after if isinstance(after, int) else 0
        self._start = _start_of(after)
        self._commanders = commanders
        self._keys = keys
        self._sid = sid
        self._outbox = keys.outbox(sid)
        self._ready: deque[AnyItem] = deque()
        super().__init__(subscription, keys.client_channel(sid))

    def channel_in(self, keys: ShardKeys) -> str:
        """Return the channel of the session in a shard; its outbox is read there too from now on."""
        self._keys = keys
        self._outbox = keys.outbox(self._sid)
        return keys.client_channel(self._sid)

    async def _next(self) -> AnyItem:
        while not self._ready:
            published = await self._feed.take()
            if isinstance(published, Gap):
                await self._read_outbox()
            else:
                self._accept(published[1])
        return self._ready.popleft()

    def _accept(self, raw: bytes, before: int | None = None) -> None:
        item = _item_of(raw)
        if item is None:
            return
        seq = None if isinstance(item, Delta) else item.seq
        if seq is None:
            self._ready.append(item)
        elif seq > self._last_seq and (before is None or seq < before):
            # The outbox and the channel overlap after a gap; `seq` tells what was seen
            self._last_seq = seq
            self._ready.append(item)

    async def _read_outbox(self) -> None:
        if self._is_live_only:
            await self._begin_now()
            return
        # Always from where we began: the cap bounds the outbox, and entry ids of channel items are not known
        start, kept = self._start, list[bytes]()
        while True:
            page = await self._call("XRANGE", self._outbox, start, "+", "COUNT", _PAGE)
            kept += [dict(zip(fields[::2], fields[1::2], strict=True)).get(b"data", b"") for _, fields in page]
            if len(page) < _PAGE:
                break
            start = f"({page[-1][0].decode()}"
        if self._feed.has_gap_next:
            return  # it was cut again meanwhile: the outbox is read once more
        # What was heard since then is there without a gap, and may have more than the outbox, which has a cap and goes
        # with its session: a slow reader would lose whatever the outbox has newer ones of.
        first_heard = next((seq for seq in map(_seq_of, self._feed.until_gap()) if seq is not None), None)
        for raw in kept:
            self._accept(raw, first_heard)

    async def _begin_now(self) -> None:
        newest = await self._call("XREVRANGE", self._outbox, "+", "-", "COUNT", 1)
        if newest:
            self._start = f"({newest[0][0].decode()}"
        self._is_live_only = False

    async def _call(self, *arguments: str | int) -> list[tuple[bytes, list[bytes]]]:
        answer = await self._commanders.of(self._keys).call(*arguments, timeout_s=None)
        return cast("list[tuple[bytes, list[bytes]]]", answer)


def _item_of(raw: bytes) -> AnyItem | None:
    try:
        return parse_client_item(raw)
    except BadItem:
        return None  # of a newer minor version


def _seq_of(raw: bytes) -> int | None:
    item = _item_of(raw)
    return None if item is None or isinstance(item, Delta) else item.seq


def _start_of(after: Resume) -> str:
    if isinstance(after, bool) or (isinstance(after, int) and after < 0):
        raise InvalidRequest("after must be a seq, which is a positive int")
    if not isinstance(after, str) or after == "$":
        return "-"
    if not _ENTRY_ID.fullmatch(after):
        raise InvalidRequest('after must be None, a seq, an outbox entry id such as "1795365314230-0", or "$"')
    return f"({after}"
