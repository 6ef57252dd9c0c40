"""Waiting for terminal replies: futures by request id, a reply channel per shard, the result keys as safety net."""

import asyncio
from collections.abc import Iterable
from typing import Final, cast
from uuid import uuid4

from producers.answers import Answer
from producers.commander import Command
from producers.commanders import Commanders
from producers.errors import InvalidRequest, ProtocolMismatch, QueueUnavailable
from producers.letterhead import Letterhead
from producers.line import pack
from producers.packing import Parcel
from producers.subscription import Subscription
from schemas.errors import BadItem
from schemas.keyspace import ShardKeys
from schemas.replies import Reply, parse_reply

#: after that long, and then ever more seldom, the result key is read: a publish may have been lost unseen
FIRST_POLL_S: Final = 1.0
LONGEST_POLL_S: Final = 5.0
#: keys that fall due this much later are read along, so that the looks don't come one by one
_READ_AHEAD_S: Final = 0.25
#: result keys in one MGET
_POLL_BATCH: Final = 256
#: the shortest time between two looks, and what each waiting request adds to it, so that looking stays cheap
_LOOK_EVERY_S: Final = 0.01
_LOOK_COST_S: Final = 2e-6
_ID_KEY: Final = b'"requestId":"'
_UNDER_WAY: Final = b'"status":"accepted"'


class Sending(Command):
    """A request on its way; the future gets the id of its stream entry."""

    __slots__ = ("parcel",)

    def __init__(self, parcel: Parcel, future: "asyncio.Future[Answer]") -> None:
        super().__init__(parcel.packed, future)
        self.parcel = parcel

    def fault(self, reason: str, *, is_unsure: bool) -> QueueUnavailable:
        """Return the error for the caller."""
        return QueueUnavailable(reason, request_id=self.parcel.request_id, may_be_accepted=is_unsure)


class ExpectedReply(Sending):
    """A request on its way whose caller waits for the terminal reply; None when the caller's time was over."""

    __slots__ = ("added_at", "deadline", "is_added", "poll_at")

    def __init__(self, parcel: Parcel, timeout_s: float, loop: asyncio.AbstractEventLoop) -> None:
        # All of it here: a constructor that calls another one that calls a third took twice as long
        self.packed = parcel.packed
        self.future: asyncio.Future[Answer] = loop.create_future()
        self.times_sent = 0
        self.parcel = parcel
        self.added_at = now = loop.time()
        self.deadline = now + timeout_s
        self.poll_at = now + FIRST_POLL_S
        #: whether Redis confirmed that the request is in the stream
        self.is_added = False

    def answered(self, answer: Answer) -> None:
        """Take the entry id; only a refusal ends the wait."""
        if not isinstance(answer, bytes):
            super().answered(answer)
            return
        self.is_added = True
        if self.times_sent > 1:
            # If the first sending had arrived, this one is dropped without a publish: look at the result key soon
            self.poll_at = 0.0

    def settle(self, reply: Reply) -> None:
        """Take the terminal reply."""
        if self.future.done():
            return
        parcel = self.parcel
        if reply.client_id == parcel.client_id and reply.swarm_name == parcel.swarm_name:
            self.future.set_result(reply)
        else:
            taken = InvalidRequest(f"request id {reply.request_id} belongs to another client or swarm: use a fresh one")
            self.future.set_exception(taken)


class ReplyDesk:
    """Matches what the reply channels and result keys carry with who waits for it."""

    def __init__(self, commanders: Commanders) -> None:
        self._commanders = commanders
        self._expected: dict[str, ExpectedReply] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._look_at = float("inf")
        #: kept, since Python 3.11 asks the kernel for its process id whenever it is asked for its loop
        self._loop: asyncio.AbstractEventLoop | None = None
        self._channels: dict[bytes, asyncio.Future[None]] = {}
        self._name = str(uuid4())
        self._letterheads: dict[int, Letterhead] = {}

    def reply_to(self, keys: ShardKeys) -> str:
        """Return our own reply channel of a shard."""
        return keys.reply_channel(self._name)

    def letterhead(self, keys: ShardKeys) -> Letterhead:
        """Return what packs plain messages to a shard whose replies come to us."""
        if keys.shard not in self._letterheads:
            self._letterheads[keys.shard] = Letterhead(keys, self.reply_to(keys))
        return self._letterheads[keys.shard]

    async def listen(self, subscription: Subscription, shards: Iterable[ShardKeys]) -> None:
        """Subscribe to our channel of each shard and wait until Redis confirms; raise QueueUnavailable if not."""
        self._loop = asyncio.get_running_loop()
        for keys in shards:
            channel = self.reply_to(keys)
            if channel.encode() not in self._channels:
                self._channels[channel.encode()] = self._loop.create_future()
                subscription.add(channel, self)
        await asyncio.gather(*(asyncio.shield(confirmed) for confirmed in self._channels.values()))

    def send(self, parcel: Parcel, timeout_s: float) -> ExpectedReply | None:
        """Send a request and note who waits for its reply; None, and nothing is sent, if its id is waited for already.

        The future of what is returned gets the Reply, or None after `timeout_s` seconds; `forget` it then.
        """
        expected = ExpectedReply(parcel, timeout_s, self._loop or asyncio.get_running_loop())
        if self._expected.setdefault(parcel.request_id, expected) is not expected:
            return None
        if expected.poll_at < self._look_at or expected.deadline < self._look_at:
            self._look_again_at(min(expected.deadline, expected.poll_at))
        self._commanders.of(parcel.keys).submit(expected)
        return expected

    def forget(self, expected: ExpectedReply) -> None:
        """Stop waiting for a request."""
        del self._expected[expected.parcel.request_id]

    def close(self) -> None:
        """Stop looking and tell everybody who still waits."""
        if self._timer is not None:
            self._timer.cancel()
        for expected in self._expected.values():
            expected.refuse("the producer was closed", is_unsure=expected.times_sent > 0)

    def heard(self, channel: bytes, data: bytes) -> None:  # noqa: ARG002 - all our channels carry the same
        """Take a terminal reply that was published to us."""
        try:
            reply = parse_reply(data)
        except BadItem as fault:
            self._hear_unreadable(data, str(fault))
            return
        expected = self._expected.get(reply.request_id)
        if expected is not None:
            expected.settle(reply)

    def opened(self, channel: bytes) -> None:
        """Read the results of all who wait: what was published before this was missed."""
        confirmed = self._channels[channel]
        if not confirmed.done():
            confirmed.set_result(None)
        self._read_results(list(self._expected.values()))

    def refused(self, reason: str) -> None:
        """Tell who waits for the channels; requests under way still get their replies from the result keys."""
        for confirmed in self._channels.values():
            if not confirmed.done():
                confirmed.set_exception(QueueUnavailable(reason))
                confirmed.exception()  # taken note of: not every producer is still waiting for its channels

    def _hear_unreadable(self, data: bytes, fault: str) -> None:
        # Inside a JSON string each quotation mark is escaped, so this text can only be the key itself. Without it,
        # whoever publishes rubbish here is not the one we wait for: the result key will tell.
        request_id = data.partition(_ID_KEY)[2].partition(b'"')[0].decode(errors="replace")
        expected = self._expected.get(request_id)
        if expected is not None and not expected.future.done():
            expected.future.set_exception(ProtocolMismatch(fault))

    def _look_again_at(self, due: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._look_at = due
        self._timer = asyncio.get_running_loop().call_at(due, self._look)

    def _look(self) -> None:
        now = asyncio.get_running_loop().time()
        for expected in self._expected.values():
            if expected.deadline <= now and not expected.future.done():
                expected.future.set_result(None)
        waiting = [expected for expected in self._expected.values() if not expected.future.done()]
        self._read_results([one for one in waiting if one.poll_at <= now + _READ_AHEAD_S])
        self._look_at = float("inf")
        if waiting:
            earliest = min(min(one.deadline, one.poll_at) for one in waiting)
            self._look_again_at(max(earliest, now + _LOOK_EVERY_S + _LOOK_COST_S * len(waiting)))

    def _read_results(self, due: list[ExpectedReply]) -> None:
        now = asyncio.get_running_loop().time()
        names_by_shard: dict[ShardKeys, list[str]] = {}
        for expected in due:
            expected.poll_at = now + min(max(FIRST_POLL_S, (now - expected.added_at) / 2), LONGEST_POLL_S)
            keys = expected.parcel.keys
            names_by_shard.setdefault(keys, []).append(keys.result(expected.parcel.request_id))
        for keys, names in names_by_shard.items():
            for start in range(0, len(names), _POLL_BATCH):
                self._read(keys, names[start : start + _POLL_BATCH])

    def _read(self, keys: ShardKeys, names: list[str]) -> None:
        found: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        found.add_done_callback(self._take_results)
        self._commanders.of(keys).submit(Command(pack(("MGET", *names)), found))

    def _take_results(self, found: "asyncio.Future[Answer]") -> None:
        if found.cancelled() or found.exception() is not None:
            return  # the next look tries again
        for raw in cast("list[bytes | None]", found.result()):
            if raw is not None and _UNDER_WAY not in raw:
                self.heard(b"", raw)
