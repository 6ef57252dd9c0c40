"""After the last fault: wait until all is answered and at rest, then let the workers go and look what they leave.

The proxies of a run live in this process, so whatever takes long is done in a thread: a loop that stands still would
cut off the workers behind them.
"""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from worker.clock import monotonic, sleep, wall
from worker.simulate.connection import Connection
from worker.simulate.evidence import histories, look_into_outboxes, results_of
from worker.simulate.keyspace import Inspector, inspector
from worker.simulate.keyspace import faults as keyspace_faults
from worker.simulate.nemesis import Targets
from worker.simulate.replay import LASTING
from worker.simulate.sender import KEYS, Outgoing

LOOK_EVERY_S = 0.2
CLOSED_WITHIN_S = 20.0
#: a session whose time ends within it would be disposed while the workers leave
DUE_SOON_MS = 60_000
PROBED = 300


class Settling:
    """Waits on the targets of a run; `connection` is one that no fault has touched."""

    def __init__(self, targets: Targets, connection: Connection, directory: Path, within_s: float) -> None:
        """Wait for replies until none has come for `within_s` seconds, and as long for followers and for rest."""
        self._targets = targets
        self._connection = connection
        self._directory = directory
        self._within_s = within_s

    async def wait_for_replies(self) -> bool:
        """Return True when everything that was taken has its reply, False when no more of them come."""
        sent = (await asyncio.to_thread(histories, self._directory)).sent
        waiting = [one.request_id for one in sent.values() if one.taken_us]
        # A slow machine takes its time: only when nothing moves any more something is lost.
        deadline = monotonic() + self._within_s
        while waiting and monotonic() < deadline:
            answered = await results_of(self._connection, waiting)
            if answered:
                waiting = [name for name in waiting if name not in answered]
                deadline = monotonic() + self._within_s
            await sleep(LOOK_EVERY_S)
        return not waiting

    async def probe(self) -> bool:
        """Send one more request to sessions that last, so that their final state is seen; False when one is lost."""
        sent = (await asyncio.to_thread(histories, self._directory)).sent
        sids = sorted({one.sid for one in sent.values() if one.swarm in LASTING})
        for number, sid in enumerate(sids[:PROBED]):
            swarm, _, client = sid.partition(":")
            await self._targets.sender.send(Outgoing.said(f"probe-{number}", swarm, client))
        return await self.wait_for_replies()

    async def wait_for_followers(self) -> None:
        """Return when every follower has been given the last item of its outbox, or when that takes too long."""

        async def all_caught_up() -> bool:
            evidence = await asyncio.to_thread(histories, self._directory, only="follow")
            await look_into_outboxes(self._connection, evidence, evidence.followed)
            return all(
                given[-1:] == [evidence.outboxes[sid][-1]["seq"]]
                for sid, given in evidence.followed.items()
                if sid in evidence.outboxes
            )

        await _until(all_caught_up, within_s=self._within_s)

    async def leave(self, url: str) -> list[str]:
        """Wait for rest, let all workers drain, and return what is left over and should not be."""
        client = inspector(url)
        found: list[str] = []

        async def at_rest() -> bool:
            nonlocal found
            found = await asyncio.to_thread(unrest, client)
            return not found

        await _until(at_rest, within_s=self._within_s)
        crew = self._targets.crew
        found += crew.leaks()
        await crew.dismiss_all()
        found += crew.unexpected
        found += [f"{worker.decode()} is still registered" for worker in client.zrange(KEYS.workers, 0, -1)]
        found += under_way(client)
        found += await self._connections_left(client)
        client.close()
        return found

    async def _connections_left(self, client: Inspector) -> list[str]:
        await self._targets.connection.aclose()
        await self._connection.aclose()
        for proxy in self._targets.proxies:
            proxy.cut()  # a worker that was killed behind a cut network could not say good-bye

        def connected() -> int:
            return client.info("clients")["connected_clients"]

        async def alone() -> bool:
            return connected() == 1

        await _until(alone, within_s=CLOSED_WITHIN_S)
        return [f"{connected()} connections are open, all but one of them left over"] if connected() > 1 else []


def unrest(client: Inspector) -> list[str]:
    """Return one sentence for all that still goes on, or will soon, and for each key that should not be there."""
    due = client.zcount(KEYS.sessions, "-inf", wall().timestamp() * 1000 + DUE_SOON_MS)
    return keyspace_faults(client) + under_way(client) + ([f"{due} sessions are still to be disposed"] if due else [])


def under_way(client: Inspector) -> list[str]:
    """Return one sentence for each session that waits for a worker or that one holds."""
    lines = [(key, sid) for key in (KEYS.ready, KEYS.suspects) for sid in client.lrange(key, 0, -1)]
    return [
        *(f"{_about(client, sid.decode())} is left in {key}" for key, sid in lines),
        *(f"{key.decode()} is left" for key in client.scan_iter(KEYS.held("*"), count=1000)),
    ]


def _about(client: Inspector, sid: str) -> str:
    status = (client.hget(KEYS.session(sid), "status") or b"gone").decode()
    waiting = [record.partition(b"\t")[0].decode() for record in client.lrange(KEYS.mailbox(sid), 0, 2)]
    return f"{sid} ({status}, waiting: {', '.join(waiting) or 'nothing'})"


async def _until(probe: Callable[[], Coroutine[Any, Any, bool]], *, within_s: float) -> bool:
    deadline = monotonic() + within_s
    while not (held := await probe()) and monotonic() < deadline:
        await sleep(LOOK_EVERY_S)
    return held
