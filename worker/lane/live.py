"""Bus events of long turns go out while the turn runs; those of a short turn ride on its commit and cost no call."""

from collections.abc import Mapping

from worker.clock import sleep
from worker.lane.flusher import Flusher
from worker.lane.held import HeldSession

#: an event is on the channel at the latest twice this after it happened
TICK_S = 0.02


class LiveEvents:
    """Look at the running turns now and then, and flush what has waited for one tick."""

    def __init__(self, held: Mapping[str, HeldSession], flusher: Flusher) -> None:
        """Watch `held`, send through `flusher`."""
        self._held = held
        self._flusher = flusher
        #: request id -> events there were at the last look
        self._seen: dict[str, int] = {}

    async def run(self) -> None:
        """Watch for ever."""
        while True:
            await sleep(TICK_S)
            looks = map(self._look, list(self._held.values()))
            self._seen = {request_id: count for request_id, count in looks if count}

    def _look(self, held: HeldSession) -> tuple[str, int]:
        turn = held.turn
        if turn is None or len(turn.events) <= turn.events_flushed:
            return "", 0
        request_id = turn.request.request_id
        # Nothing is written before the session's earlier commits are through, nor while the lease is in doubt.
        if self._seen.get(request_id, 0) > turn.events_flushed and held.may_write:
            live = held.said()
            live.is_journaled = live.is_journaled or bool(turn.journal)
            live.flushing = self._flusher.flush(held.claimed.sid, held.claimed.fence, turn)
        return request_id, len(turn.events)
