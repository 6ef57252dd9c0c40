"""Takes one view after the other: the figures always, and beside them what the pane in front shows."""

from dataclasses import replace

from worker.core.seen import SessionSeen
from worker.store.link import CommandRefused
from worker.store.onlooker import Onlooker
from worker.top.trend import Trend
from worker.top.view import Pane, View

RUNS_MAX = 20
SESSIONS_MAX = 100
DEAD_MAX = 100


class Lookout:
    """Looks at one namespace, as often as it is asked; remembers what rates and lines need."""

    def __init__(self, onlooker: Onlooker, namespace: str) -> None:
        """Look through `onlooker`."""
        self._onlooker = onlooker
        self._namespace = namespace
        self._trend = Trend()

    async def look(self, pane: Pane, wanted: str) -> View:
        """Return what there is now; `wanted` may be the name of a client, whose sessions are found among any number.

        Raises QueueUnavailable when Redis does not answer, CommandRefused, ProtocolMismatch.
        """
        onlooker = self._onlooker
        await onlooker.arrive()
        now_ms, shards = await onlooker.now_ms(), await onlooker.figures()
        view = View(pane=pane, now_ms=now_ms, namespace=self._namespace, shards=shards, trend=self._trend)
        if not shards:
            return view
        self._trend.add(now_ms, view.cluster, await onlooker.flows(self._trend.last_entry_ids))
        try:
            return await self._with_pane(view, pane, wanted)
        except CommandRefused as error:
            return replace(view, denied=f"This Redis user may not read this ({error}); see deploy/acl.")

    async def _with_pane(self, view: View, pane: Pane, wanted: str) -> View:
        onlooker = self._onlooker
        match pane:
            case Pane.WORKERS:
                return replace(view, workers=await onlooker.workers(RUNS_MAX))
            case Pane.SESSIONS:
                return replace(view, sessions=await self._sessions(wanted))
            case Pane.DEAD:
                return replace(view, dead=await onlooker.dead_letters(DEAD_MAX))
            case _:
                return view

    async def _sessions(self, wanted: str) -> list[SessionSeen]:
        found = await self._onlooker.sessions_of_client(wanted) if wanted else []
        some = await self._onlooker.sessions(SESSIONS_MAX)
        known = {session.sid for session in found}
        return [*found, *(session for session in some if session.sid not in known)]
