"""Carries out a schedule of faults."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from signal import SIGCONT, SIGSTOP

from redis.exceptions import RedisError

from schemas.keyspace import ADMISSION_GROUP, DOORBELL_GROUP
from worker.clock import monotonic, sleep
from worker.embedded.child import ChildFailedError
from worker.simulate.app import CHAIN, VICTIM
from worker.simulate.connection import Connection
from worker.simulate.crew import Crew
from worker.simulate.history import History
from worker.simulate.network import Network
from worker.simulate.proxy import Proxy
from worker.simulate.rubbish import rubbish
from worker.simulate.schedule import KINDS, Fault
from worker.simulate.sender import KEYS, Outgoing, Sender
from worker.simulate.server import SimulatedServer

FLOOD = 400
LOST_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Targets:
    """Everything that can be hurt."""

    server: SimulatedServer
    crew: Crew
    proxies: Sequence[Proxy]
    #: None where this machine gives us none
    network: Network | None
    connection: Connection
    sender: Sender
    history: History


class Nemesis:
    """Hurts the targets by a schedule; `done` counts what was carried out, by kind."""

    def __init__(self, targets: Targets, say: Callable[[str], None]) -> None:
        """Tell `say` of every fault."""
        self._targets = targets
        self._say = say
        self._numbers = 0
        self.done: dict[str, int] = {}

    async def run(self, schedule: Sequence[Fault]) -> None:
        """Carry out all faults, each at its time, and return when the last one is over."""
        began = monotonic()
        under_way: list[asyncio.Task[None]] = []
        for fault in schedule:
            await sleep(max(0.0, began + fault.at_s - monotonic()))
            under_way.append(asyncio.create_task(self._carry_out(fault)))
        await asyncio.gather(*under_way)
        self._heal()

    async def _carry_out(self, fault: Fault) -> None:
        history = self._targets.history
        history.note("invoke", "fault", kind=fault.kind, pick=fault.pick)
        self._say(str(fault))
        try:
            await self._deeds[fault.kind](self, fault)
        except (RedisError, OSError, ChildFailedError) as error:
            history.note("fail", "fault", kind=fault.kind, error=str(error))
        else:
            self.done[fault.kind] = self.done.get(fault.kind, 0) + 1
            history.note("ok", "fault", kind=fault.kind)

    def _heal(self) -> None:
        for proxy in self._targets.proxies:
            proxy.heal()
        if self._targets.network is not None:
            self._targets.network.mend()

    async def _kill(self, fault: Fault) -> None:
        victim = self._targets.crew.victim(fault.pick)
        if victim:
            await self._targets.crew.replace(*victim, fault.span_s, kill=True)

    async def _drain(self, fault: Fault) -> None:
        victim = self._targets.crew.victim(fault.pick)
        if victim:
            await self._targets.crew.replace(*victim, fault.span_s, kill=False)

    async def _freeze(self, fault: Fault) -> None:
        victim = self._targets.crew.victim(fault.pick)
        if victim:
            _, worker = victim
            worker.send_signal(SIGSTOP)
            await sleep(fault.span_s)
            worker.send_signal(SIGCONT)

    async def _join(self, fault: Fault) -> None:
        post = self._targets.crew.add()
        await sleep(fault.span_s)
        await self._targets.crew.dismiss(post)

    async def _redis_kill(self, fault: Fault) -> None:
        await self._targets.server.kill(fault.span_s)

    async def _redis_freeze(self, fault: Fault) -> None:
        await self._targets.server.freeze(fault.span_s)

    async def _fail_over(self, fault: Fault) -> None:
        await self._targets.server.fail_over(fault.span_s)

    async def _client_kill(self, fault: Fault) -> None:
        for kind in (("normal",), ("pubsub",), ("normal", "pubsub"))[fault.pick % 3]:
            await self._targets.connection.execute_command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")

    async def _client_pause(self, fault: Fault) -> None:
        what = ("WRITE", "ALL")[fault.pick % 2]
        await self._targets.connection.execute_command("CLIENT", "PAUSE", int(fault.span_s * 1000), what)

    async def _script_flush(self, _: Fault) -> None:
        await self._targets.connection.execute_command("SCRIPT", "FLUSH")

    async def _group_destroy(self, _: Fault) -> None:
        for group in (ADMISSION_GROUP, DOORBELL_GROUP):
            await self._targets.connection.execute_command("XGROUP", "DESTROY", KEYS.requests, group)

    async def _lose_reply(self, fault: Fault) -> None:
        proxy = self._targets.proxies[fault.pick % len(self._targets.proxies)]
        for _ in range(LOST_AT_ONCE):
            proxy.drop_next_reply(to=b"EVALSHA")
            await sleep(0.1)

    async def _delay(self, fault: Fault) -> None:
        proxy = self._targets.proxies[fault.pick % len(self._targets.proxies)]
        proxy.delay(0.02 + fault.pick % 10 / 50)
        await sleep(fault.span_s)
        proxy.heal()

    async def _black_hole(self, fault: Fault) -> None:
        proxy = self._targets.proxies[fault.pick % len(self._targets.proxies)]
        proxy.black_hole()
        await sleep(fault.span_s)
        proxy.heal()

    async def _cut(self, fault: Fault) -> None:
        self._targets.proxies[fault.pick % len(self._targets.proxies)].cut()

    async def _partition(self, fault: Fault) -> None:
        network = self._targets.network
        if network is not None:
            network.cut()
            await sleep(fault.span_s)
            network.mend()

    async def _poison(self, fault: Fault) -> None:
        await self._send(VICTIM, f"victim{fault.pick}", "poison")

    async def _block_loop(self, fault: Fault) -> None:
        await self._send(CHAIN, f"blocked{fault.pick}", "block", fault.span_s)

    async def _flood(self, _: Fault) -> None:
        await asyncio.gather(*[self._send(CHAIN, "flood", "say") for _ in range(FLOOD)])

    async def _rubbish(self, fault: Fault) -> None:
        mark = f"rubbish-{self._next()}"
        for number, fields in enumerate(rubbish(mark, random.Random(fault.pick))):  # noqa: S311 - repeatable, not secret
            await self._targets.sender.send_rubbish(f"{mark}-{number}", fields)

    async def _send(self, swarm: str, client: str, verb: str, seconds: float = 0) -> None:
        request = Outgoing.said(f"nemesis-{self._next()}", swarm, client, verb, seconds)
        await self._targets.sender.send(request)

    def _next(self) -> int:
        self._numbers += 1
        return self._numbers

    _deeds: "dict[str, Callable[[Nemesis, Fault], Awaitable[None]]]" = {  # noqa: RUF012 - a table, never changed
        "kill": _kill,
        "freeze": _freeze,
        "doze": _freeze,
        "drain": _drain,
        "join": _join,
        "redis-kill": _redis_kill,
        "redis-freeze": _redis_freeze,
        "client-kill": _client_kill,
        "client-pause": _client_pause,
        "script-flush": _script_flush,
        "group-destroy": _group_destroy,
        "lose-reply": _lose_reply,
        "delay": _delay,
        "black-hole": _black_hole,
        "cut": _cut,
        "partition": _partition,
        "poison": _poison,
        "rubbish": _rubbish,
        "flood": _flood,
        "block-loop": _block_loop,
        "failover": _fail_over,
    }
    assert _deeds.keys() == KINDS.keys()  # noqa: S101 - every kind that can be drawn can be done
