"""Send live output of running turns in groups: emits, bus events and finished steps, fenced like a commit."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from worker.errors import Fenced
from worker.lane.outage import Outage
from worker.store.claims import NoLease
from worker.store.commits import CommitStatus, FencedAnswer, LiveOutput
from worker.store.shard import ShardStore
from worker.turn.port import OpenTurn

MAX_OUTPUTS = 128


@dataclass(slots=True)
class _Pending:
    sid: str
    fence: str
    turn: OpenTurn
    done: asyncio.Future[None]


class Flusher:
    """One flush call under way at most; what is asked for meanwhile goes out with the next."""

    def __init__(self, store: ShardStore, outage: Outage, on_answer: Callable[[FencedAnswer], None]) -> None:
        """Flush through `store`; `on_answer` gets every answer."""
        self._store = store
        self._outage = outage
        self._on_answer = on_answer
        self._waiting: dict[str, _Pending] = {}
        self._wake = asyncio.Event()
        self._op_number = 0

    def flush(self, sid: str, fence: str, turn: OpenTurn) -> asyncio.Future[None]:
        """Ask to send all that the turn has not sent; the future raises `Fenced` if the session was lost."""
        pending = self._waiting.get(sid)
        if pending is None or pending.turn is not turn:
            pending = _Pending(sid, fence, turn, asyncio.get_running_loop().create_future())
            self._waiting[sid] = pending
            self._wake.set()
        return pending.done

    async def run(self) -> None:
        """Flush for ever; an outage of Redis is waited out with the same call."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                group = [self._waiting.pop(sid) for sid in list(self._waiting)[:MAX_OUTPUTS]]
                await self._send(group)

    async def _send(self, group: list[_Pending]) -> None:
        self._op_number += 1
        outputs = [_take_output(pending) for pending in group]
        try:
            answer = await self._outage.until_answered("flush", lambda: self._store.flush(self._op_number, outputs))
        except NoLease:
            answer = FencedAnswer([CommitStatus.FENCED] * len(group), [])
        for pending, status in zip(group, answer.statuses, strict=True):
            _settle(pending.done, status)
        self._on_answer(answer)


def _take_output(pending: _Pending) -> LiveOutput:
    """Take what the turn has not sent; it counts as sent from now on, since this call is repeated until answered."""
    turn = pending.turn
    output = LiveOutput(
        pending.sid,
        pending.fence,
        turn.emits[turn.emits_flushed :],
        turn.events[turn.events_flushed :],
        {f"{turn.request.request_id}/{name}": value for name, value in turn.journal.items()},
    )
    turn.emits_flushed = len(turn.emits)
    turn.events_flushed = max(turn.events_flushed, len(turn.events))
    turn.journal = {}
    return output


def _settle(done: asyncio.Future[None], status: CommitStatus) -> None:
    if done.done():
        return
    if status is CommitStatus.OK:
        done.set_result(None)
    else:
        done.set_exception(Fenced(f"live output refused: {status}"))
        done.exception()  # nobody may be waiting: a fenced flush of the ticker is found again by the commit
