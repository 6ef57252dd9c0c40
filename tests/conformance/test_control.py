"""What reaches a turn from outside while it runs, or the client beside it."""

import asyncio

import pytest

from tests.conformance.conftest import Serve
from tests.conformance.house import agent, swarm
from tests.conformance.model import call
from worker import CompletionRequest, Policy, SwarmCallbacks, Tool, Turn, tool


class Door:
    """Where a model or a tool hangs until the test opens it."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()

    async def model(self, request: CompletionRequest) -> str:
        if request.last_user_message() != "hang":
            return f"answer to {request.last_user_message()}"
        self.reached.set()
        await self.opened.wait()
        return "late"

    def tool(self) -> Tool:
        @tool
        async def hang(turn: Turn) -> str:
            del turn
            self.reached.set()
            await self.opened.wait()
            return "late"

        return hang


async def test_cancelling_a_hung_model_answers_nothing_and_emits_nothing(serve: Serve) -> None:
    door = Door()
    client = await serve(swarm(agent("a", door.model)))
    hung = await client.say("hang")
    await door.reached.wait()
    assert (await client.do("cancel-output"))["status"] == "completed"
    reply = await client.reply_of(hung)
    assert (reply["status"], reply["output"], reply["error"]) == ("cancelled", "", None)
    assert {item["type"] for item in await client.wire.outbox("alice", "support")} == {"reply"}
    assert await client.answer("next") == "answer to next"


async def test_an_emit_while_a_model_hangs_becomes_the_answer_and_reaches_the_client(serve: Serve) -> None:
    door, told = Door(), list[str]()
    callbacks = SwarmCallbacks(on_emit=lambda _turn, text: told.append(text))
    client = await serve(swarm(agent("a", door.model), callbacks=callbacks))
    hung = await client.say("hang")
    await door.reached.wait()
    await client.do("emit", message="a human says hello")
    reply = await client.reply_of(hung)
    assert (reply["status"], reply["output"]) == ("completed", "a human says hello")
    assert [item["data"] for item in await client.wire.outbox("alice", "support") if item["type"] == "emit"] == told
    assert told == ["a human says hello"]
    assert await client.answer("next") == "answer to next"


async def test_a_notify_is_delivered_and_touches_no_turn(serve: Serve) -> None:
    door = Door()
    client = await serve(swarm(agent("a", door.model)))
    async with client.wire.listen(client.wire.client_channel("alice", "support")) as channel:
        hung = await client.say("hang")
        await door.reached.wait()
        await client.do("notify", message="hold the line")
        door.opened.set()
        heard = await channel.until_reply(hung)
    assert [item["data"] for item in heard if item["type"] == "notify"] == ["hold the line"]
    assert heard[-1]["output"] == "late"


@pytest.mark.parametrize(
    ("kind", "body", "ending"),
    [("emit", {"message": "emitted"}, ("completed", "emitted")), ("cancel-output", {}, ("cancelled", ""))],
)
async def test_control_during_a_tool_ends_this_message_and_the_next_gets_its_own_answer(
    kind: str, body: dict[str, str], ending: tuple[str, str], serve: Serve
) -> None:
    door = Door()
    client = await serve(swarm(agent("a", call("hang"), "next answer", tools=[door.tool()])))
    hung = await client.say("go")
    await door.reached.wait()
    await client.do(kind, **body)
    reply = await client.reply_of(hung)
    assert (reply["status"], reply["output"]) == ending
    door.opened.set()
    assert await client.answer("next") == "next answer"


async def test_a_skipped_control_request_touches_no_turn(serve: Serve) -> None:
    door = Door()
    client = await serve(swarm(agent("a", door.model), agent("b")))
    hung = await client.say("hang")
    await door.reached.wait()
    for kind, body in (("cancel-output", {}), ("emit", {"message": "no"}), ("notify", {"message": "no"})):
        assert (await client.do(kind, agentName="b", **body))["skipped"] is True
    door.opened.set()
    assert (await client.reply_of(hung))["output"] == "late"


async def test_a_tool_emits_and_the_emitted_text_is_the_answer(serve: Serve) -> None:
    @tool
    async def speak(turn: Turn) -> None:
        await turn.emit("from the tool")

    client = await serve(swarm(agent("a", call("speak"), tools=[speak])))
    assert await client.answer("go") == "from the tool"


async def test_a_tool_notifies_and_the_answer_is_the_models(serve: Serve) -> None:
    @tool
    async def speak(turn: Turn) -> str:
        await turn.notify("one moment")
        return "done"

    client = await serve(swarm(agent("a", call("speak"), "the answer", tools=[speak])))
    assert await client.answer("go") == "the answer"
    outbox = await client.wire.outbox("alice", "support")
    assert [(item["type"], item.get("data")) for item in outbox] == [("notify", "one moment"), ("reply", None)]


async def test_a_tool_cancels_its_turn(serve: Serve) -> None:
    @tool
    async def give_in(turn: Turn) -> None:
        await turn.cancel_output()

    client = await serve(swarm(agent("a", call("give_in"), "never", tools=[give_in])))
    reply = await client.ask("go")
    assert (reply["status"], reply["output"]) == ("cancelled", "")


async def test_on_emit_is_told_before_the_text_goes_out_and_not_of_a_refused_one(serve: Serve) -> None:
    told: list[tuple[str, list[str]]] = []

    async def on_emit(turn: Turn, text: str) -> None:
        sent = await clients[0].wire.outbox(turn.client_id, "support")
        told.append((text, [item["data"] for item in sent if item["type"] == "emit"]))

    @tool
    async def speak(turn: Turn) -> None:
        for text in ("one", "rude", "two"):
            await turn.emit(text)

    policy = Policy("polite", validate_output=lambda text, _session: text != "rude", ban_message="Stay polite.")
    callbacks = SwarmCallbacks(on_emit=on_emit)
    clients = [await serve(swarm(agent("a", call("speak"), tools=[speak]), policies=[policy], callbacks=callbacks))]
    assert await clients[0].answer("hi") == "two"
    await clients[0].do("emit", message="three")
    sent = ["one", "Stay polite.", "two"]
    assert told == [("one", []), ("two", sent[:2]), ("three", sent)]
