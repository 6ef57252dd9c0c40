"""What must not wait behind a running turn reaches it, also when another worker than its own admits it."""

import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from tests.acceptance.backstage import Backstage
from tests.acceptance.conftest import StartWorker
from tests.acceptance.wire import Wire, new_id
from tests.helpers.processes import SwarmlineProcess


class Pair:
    """Two workers, one of which runs a turn before a closed door."""

    def __init__(self, wire: Wire, workers: list[SwarmlineProcess], holder_pid: int, running: str) -> None:
        self.wire = wire
        self.running = running
        self._holder = next(worker for worker in workers if worker.pid == holder_pid)

    @asynccontextmanager
    async def other_one_admits(self) -> AsyncIterator[None]:
        """Freeze the worker that runs the turn; the caller waits until its requests are admitted."""
        self._holder.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._holder.send_signal(signal.SIGCONT)

    async def push(self, kind: str, body: dict[str, str] | None = None, **fields: str | int) -> str:
        """Push a request for alice that the worker without her turn admits."""
        async with self.other_one_admits():
            request_id = await self.wire.push("alice", "guarded", kind, body, **fields)
            assert (await self.wire.accepted(request_id))["status"] == "accepted"
        return request_id


StartPair = Callable[[str], Awaitable[Pair]]


@pytest.fixture
async def start_pair(own_wire: Wire, start_worker: StartWorker, backstage: Backstage, door: str) -> StartPair:
    """Hand out a starter: alice says something that stands before the door."""

    async def start(message: str) -> Pair:
        workers = [start_worker("--lease-s", "30"), start_worker("--lease-s", "30")]
        for worker in workers:
            await worker.ready()
        running = await own_wire.say("alice", "guarded", message)
        return Pair(own_wire, workers, await backstage.reached(door), running)

    return start


async def test_cancel_output_ends_the_running_turn(start_pair: StartPair, door: str) -> None:
    pair = await start_pair(f"wait at {door}")
    cancel = await pair.wire.reply_of(await pair.push("cancel-output"))
    cancelled = await pair.wire.reply_of(pair.running)
    assert (cancel["status"], cancel["output"]) == ("completed", "")
    assert (cancelled["status"], cancelled["output"], cancelled["error"]) == ("cancelled", "", None)
    end = (await pair.wire.events_of(pair.running))[-1]
    assert (end["type"], end["output"]) == ("commit-execution-end", {"status": "cancelled"})
    after = await pair.wire.ask("alice", "guarded", "Hello")
    assert (after["status"], after["turn"]) == ("completed", 2)


async def test_an_emit_becomes_the_answer_of_the_running_turn(start_pair: StartPair, door: str) -> None:
    pair = await start_pair(f"wait at {door}")
    emit = await pair.push("emit", {"message": "a human says hello"})
    answered = await pair.wire.reply_of(pair.running)
    assert (answered["status"], answered["output"], answered["turn"]) == ("completed", "a human says hello", 1)
    assert (await pair.wire.reply_of(emit))["output"] == ""
    outbox = await pair.wire.outbox("alice", "guarded")
    assert (outbox[0]["type"], outbox[0]["data"]) == ("emit", "a human says hello")
    assert {item["requestId"] for item in outbox} == {emit, pair.running}
    assert [item["type"] for item in outbox] == ["emit", "reply", "reply"]


async def test_a_notify_touches_no_turn(start_pair: StartPair, backstage: Backstage, door: str) -> None:
    pair = await start_pair(f"wait at {door}")
    notify = await pair.push("notify", {"message": "please hold the line"})
    assert (await pair.wire.reply_of(notify))["status"] == "completed"
    assert (await pair.wire.accepted(pair.running))["status"] == "accepted"
    backstage.open(door)
    assert (await pair.wire.reply_of(pair.running))["output"] == f"done: wait at {door}"
    kinds = [item["type"] for item in await pair.wire.outbox("alice", "guarded")]
    assert kinds == ["notify", "reply", "reply"]


async def test_a_ban_counts_for_everything_not_yet_executed(
    start_pair: StartPair, backstage: Backstage, door: str
) -> None:
    pair = await start_pair(f"wait at {door}")
    behind = await pair.wire.say("alice", "guarded", "Hello")
    ban = await pair.push("ban", {"policyName": "polite"})
    assert (await pair.wire.reply_of(ban))["status"] == "completed"
    backstage.open(door)
    refused = await pair.wire.reply_of(behind)
    assert (refused["status"], refused["error"]["policyName"]) == ("refused", "polite")
    assert (await pair.wire.reply_of(pair.running))["status"] in ("completed", "refused")


async def test_an_unban_counts_for_everything_not_yet_executed(
    start_pair: StartPair, backstage: Backstage, door: str
) -> None:
    pair = await start_pair(f"wait at {door}")
    await pair.wire.reply_of(await pair.push("ban", {"policyName": "polite"}))
    await pair.wire.reply_of(await pair.push("unban", {"policyName": "polite"}))
    backstage.open(door)
    assert (await pair.wire.reply_of(pair.running))["status"] == "completed"
    assert (await pair.wire.ask("alice", "guarded", "Hello"))["status"] == "completed"


async def test_a_forced_disposal_ends_the_running_turn_and_answers_what_waits(start_pair: StartPair, door: str) -> None:
    pair = await start_pair(f"wait at {door}")
    waiting = [await pair.wire.say("alice", "guarded", "Hello") for _ in range(3)]
    disposal = await pair.push("dispose", force=1)
    for request_id in (pair.running, *waiting):
        reply = await pair.wire.reply_of(request_id)
        assert (reply["status"], reply["output"], reply["error"]) == ("cancelled", "", None)
    assert (await pair.wire.reply_of(disposal))["status"] == "completed"
    assert await pair.wire.keys_of("alice") == []
    assert (await pair.wire.ask("alice", "guarded", "Hello"))["turn"] == 1


async def test_an_interrupt_reaches_the_running_turn(start_pair: StartPair, door: str) -> None:
    pair = await start_pair(f"wait at {door}")
    newest = await pair.push("execute", {"message": "Hello"}, whenBusy="interrupt")
    assert (await pair.wire.reply_of(newest))["output"] == "helper: Hello"
    assert (await pair.wire.reply_of(pair.running))["status"] == "cancelled"


async def test_a_turn_in_a_tool_is_cancelled_too(start_pair: StartPair, door: str) -> None:
    pair = await start_pair(f"tell one {door}")
    await pair.push("cancel-output")
    assert (await pair.wire.reply_of(pair.running))["status"] == "cancelled"
    outbox = await pair.wire.outbox("alice", "guarded")
    assert [item["data"] for item in outbox if item["type"] == "emit"] == ["one", door]


async def test_control_of_a_full_worker_does_not_wait_for_a_slot(
    own_wire: Wire, start_worker: StartWorker, backstage: Backstage, door: str
) -> None:
    await start_worker("--slots", "1").ready()
    running = await own_wire.say("alice", "support", f"wait at {door}")
    await backstage.reached(door)
    assert (await own_wire.do("alice", "support", "cancel-output"))["status"] == "completed"
    assert (await own_wire.reply_of(running))["status"] == "cancelled"


@pytest.mark.parametrize("message", ["I will hurt you", "Hello"])
async def test_an_emit_passes_the_output_policies(message: str, wire: Wire, alice: str) -> None:
    await wire.ask(alice, "guarded", message)
    reply = await wire.do(alice, "guarded", "emit", {"message": "the secret is 42"})
    emit = (await wire.outbox(alice, "guarded"))[1]
    assert reply["status"] == "refused"
    assert "secret" not in emit["data"]


async def test_control_behind_a_forced_disposal_is_answered(
    wire: Wire, backstage: Backstage, alice: str, door: str
) -> None:
    running = await wire.say(alice, "guarded", f"wait at {door}")
    await backstage.reached(door)
    kinds = [("dispose", {"force": 1}, None), ("cancel-output", {}, None), ("notify", {}, '{"message":"Hello"}')]
    kinds += [("ban", {}, '{"policyName":"polite"}'), ("unban", {}, '{"policyName":"polite"}')]
    ids = [new_id() for _ in kinds]
    async with wire.redis.pipeline() as pipe:  # in one step, so that they stand in the control list together
        for request_id, (kind, fields, body) in zip(ids, kinds, strict=True):
            entry = {"v": 1, "requestId": request_id, "clientId": alice, "swarmName": "guarded", "kind": kind} | fields
            pipe.xadd(wire.name("requests"), entry | ({} if body is None else {"body": body}))
        await pipe.execute()
    assert (await wire.reply_of(running))["status"] == "cancelled"
    assert {(await wire.reply_of(request_id))["status"] for request_id in ids} == {"completed"}
    assert (await wire.ask(alice, "guarded", "Hello"))["turn"] == 1


async def test_many_control_requests_of_one_moment_are_all_answered(wire: Wire, alice: str) -> None:
    await wire.ask(alice, "guarded", "Hello")
    async with wire.listen(wire.client_channel(alice, "guarded")) as listener:
        ids = [await wire.push(alice, "guarded", "notify", {"message": str(number)}) for number in range(100)]
        heard = await listener.until_reply(ids[-1])
    assert [item["data"] for item in heard if item["type"] == "notify"] == [str(number) for number in range(100)]
    assert [item["requestId"] for item in heard if item["type"] == "reply"] == ids
