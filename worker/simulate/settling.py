"""After the last fault: wait until all is answered and at rest, then let the workers go and look what they leave."""

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from worker.clock import monotonic, sleep
from worker.simulate.connection import Connection
from worker.simulate.evidence import histories, look_into_outboxes, results_of
from worker.simulate.keyspace import Inspector, inspector
from worker.simulate.keyspace import faults as keyspace_faults
from worker.simulate.nemesis import Targets
from worker.simulate.replay import LASTING
from worker.simulate.sender import KEYS, Outgoing

LOOK_EVERY_S = 0.2
AT_REST_WITHIN_S = 20.0
CLOSED_WITHIN_S = 5.0
#: begins the requests by which the sweep disposes
BY_TTL = b"~ttl-"
PROBED = 300


class Settling:
    """Waits on the targets of a run; `connection` is one that no fault has touched."""

    def __init__(self, targets: Targets, connection: Connection, directory: Path, within_s: float) -> None:
        """Wait for replies for `within_s` seconds at most."""
        self._targets = targets
        self._connection = connection
        self._directory = directory
        self._within_s = within_s

    async def wait_for_replies(self) -> bool:
        """Return True when everything that was taken has its reply, False when that takes too long."""
        taken = [one.request_id for one in histories(self._directory).sent.values() if one.taken_us]

        async def all_answered() -> bool:
            nonlocal taken
            answered = await results_of(self._connection, taken)
            taken = [name for name in taken if name not in answered]
            return not taken

        return await _until(all_answered, within_s=self._within_s)

    async def probe(self) -> bool:
        """Send one more request to sessions that last, so that their final state is seen; False when one is lost."""
        sids = sorted({one.sid for one in histories(self._directory).sent.values() if one.swarm in LASTING})
        for number, sid in enumerate(sids[:PROBED]):
            swarm, _, client = sid.partition(":")
            await self._targets.sender.send(Outgoing.said(f"probe-{number}", swarm, client))
        return await self.wait_for_replies()

    async def wait_for_followers(self) -> None:
        """Return when every follower has been given the last item of its outbox, or when that takes too long."""

        async def all_caught_up() -> bool:
            evidence = histories(self._directory)
            await look_into_outboxes(self._connection, evidence, evidence.followed)
            return all(
                given[-1] == evidence.outboxes[sid][-1]["seq"]
                for sid, given in evidence.followed.items()
                if sid in evidence.outboxes
            )

        await _until(all_caught_up, within_s=AT_REST_WITHIN_S)

    async def leave(self, url: str) -> list[str]:
        """Wait for rest, let all workers drain, and return what is left over and should not be."""
        client = inspector(url)

        async def at_rest() -> bool:
            return not keyspace_faults(client)

        await _until(at_rest, within_s=AT_REST_WITHIN_S)
        crew = self._targets.crew
        found = keyspace_faults(client) + crew.leaks()
        await crew.dismiss_all()
        found += crew.unexpected
        found += [f"{worker.decode()} is still registered" for worker in client.zrange(KEYS.workers, 0, -1)]
        found += [f"{sid} is left in {key}" for key in (KEYS.ready, KEYS.suspects) for sid in _left_in(client, key)]
        found += [f"{key.decode()} is left" for key in client.scan_iter(KEYS.held("*"), count=1000)]
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


def _left_in(client: Inspector, key: str) -> list[str]:
    """Return the sids of a line, but for those that wait to be disposed: their TTL ended as the last worker left."""
    sids = [sid.decode() for sid in client.lrange(key, 0, -1)]
    return [
        sid
        for sid in sids
        if client.hget(KEYS.session(sid), "status") != b"ready"
        or not all(record.startswith(BY_TTL) for record in client.lrange(KEYS.mailbox(sid), 0, -1) or [b""])
    ]


async def _until(probe: Callable[[], Coroutine[Any, Any, bool]], *, within_s: float) -> bool:
    deadline = monotonic() + within_s
    while not (held := await probe()) and monotonic() < deadline:
        await sleep(LOOK_EVERY_S)
    return held
