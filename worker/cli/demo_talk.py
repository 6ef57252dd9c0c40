"""The talk of the demo: one client asks, the swarm answers, and what happens is shown."""

import asyncio
from contextlib import aclosing, suppress
from typing import Self

from producers import Producer, ProducerError
from schemas.events import BusEvent, EventType
from schemas.replies import Reply, Status
from worker.cli.demo_input import Lines, ask_for_line
from worker.cli.demo_metrics import selection_of
from worker.cli.demo_scene import Scene
from worker.cli.demo_team import LEASE_S, Place, Team, assembled
from worker.cli.demo_view import note, say, show_event, show_metrics, show_reply
from worker.clock import monotonic

CLIENT = "you"
REPLY_WITHIN_S = 30.0
EVENTS_WITHIN_S = 2.0
ANSWERED = (Status.COMPLETED, Status.REFUSED)


async def talk(scene: Scene, place: Place | None, *, events: bool, kill_a_worker: bool) -> int:
    """Serve an application at a place (None = a server of its own) and answer standard input.

    Returns the exit code: 1 if a question got no answer.
    """
    started = monotonic()
    async with (
        assembled(scene.reference, place) as team,
        Producer(team.place.url, namespace=team.place.namespace) as producer,
    ):
        ids = " and ".join(member.name for member in team.members)
        note(f"{team.place.name}, workers {ids}; ready in {monotonic() - started:.1f} s")
        note(scene.cast)
        async with Conversation(team, producer, scene.swarm.name, watches=events) as conversation:
            unanswered = await conversation.hold(Lines(scene.samples), kill_a_worker=kill_a_worker)
        show_metrics(await selection_of([member.metrics_url for member in team.members]))
        for member in team.lost:
            note(f"worker {member.name} was killed; its counts died with it")
    return 1 if unanswered else 0


class Conversation:
    """One client that talks to the swarm, and what is shown of it."""

    def __init__(self, team: Team, producer: Producer, swarm_name: str, *, watches: bool) -> None:
        """Talk with a swarm through `producer`; show bus events if it `watches`."""
        self._team = team
        self._producer = producer
        self._swarm_name = swarm_name
        self._watches = watches
        self._watching: asyncio.Task[None] | None = None
        self._turns_seen = asyncio.Condition()
        self._ended: set[str | None] = set()

    async def __aenter__(self) -> Self:
        """Begin to watch the bus."""
        if self._watches:
            self._watching = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop to watch the bus."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)

    async def hold(self, lines: Lines, *, kill_a_worker: bool) -> int:
        """Ask each question in turn; return how many got no answer."""
        if lines.is_chat:
            note("ask away; Ctrl-D ends")
            ask_for_line()
        unanswered = 0
        async for question in lines.questions():
            if not lines.is_chat:
                say(CLIENT, question, colour="cyan")
            reply = await self._ask(question, kill=kill_a_worker and not self._team.lost)
            unanswered += reply is None or reply.status not in ANSWERED
            if lines.is_chat:
                ask_for_line()
        return unanswered

    async def _ask(self, question: str, *, kill: bool) -> Reply | None:
        began = monotonic()
        asking = asyncio.create_task(
            self._producer.execute(CLIENT, self._swarm_name, question, timeout_s=REPLY_WITHIN_S)
        )
        if kill:
            await self._kill_holder(asking)
        try:
            reply = await asking
        except ProducerError as error:
            note(f"no answer: {error}")
            return None
        await self._see_events_of(reply.request_id)
        if kill and self._team.lost:
            note(f"its lease of {LEASE_S:g} s ran out; {self._team.members[0].name} took the session over")
        show_reply(reply, monotonic() - began)
        return reply

    async def _kill_holder(self, asking: "asyncio.Task[Reply]") -> None:
        member = await self._team.kill_holder(self._swarm_name, CLIENT, asking)
        if member is None:
            note("the answer was faster than the kill: next question, next try")
        else:
            note(f"SIGKILL to worker {member.name} (process {member.child.pid}) while it runs this request")

    async def _watch(self) -> None:
        async with aclosing(self._producer.events(client_id=CLIENT)) as events:
            async for event in events:
                show_event(event)
                if isinstance(event, BusEvent) and event.type is EventType.COMMIT_EXECUTION_END:
                    async with self._turns_seen:
                        self._ended.add(event.request_id)
                        self._turns_seen.notify_all()

    async def _see_events_of(self, request_id: str) -> None:
        if not self._watches:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(EVENTS_WITHIN_S), self._turns_seen:
                await self._turns_seen.wait_for(lambda: request_id in self._ended)
