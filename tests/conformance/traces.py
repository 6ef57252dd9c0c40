"""What happens in each golden trace: a scenario sends its requests and returns the ids whose events are the trace."""

import asyncio
from collections.abc import Awaitable, Callable
from types import MappingProxyType
from typing import Any, Final

from tests.conformance.house import Client, agent, expire, swarm
from tests.conformance.model import Model, call, echo
from tests.conformance.test_control import Door
from worker import Policy, Swarm, Turn, tool

Scenario = Callable[[Client, Door, str], Awaitable[list[str]]]
#: the id of requests that the system itself makes, in a trace
INTERNAL = "~"


@tool
async def look() -> str:
    """Look something up."""
    return "found"


@tool
async def speak(turn: Turn) -> None:
    """Say something to the client."""
    await turn.emit("one moment")


@tool
async def ask(turn: Turn) -> None:
    """Ask the model once more."""
    await turn.commit_tool_output(turn.tool_call_id, "done")
    await turn.execute("and now?")


@tool
async def visit(turn: Turn) -> str:
    """Count the visits, and forget them."""
    visits = turn.state("visits")
    await visits.set(lambda old: (old if isinstance(old, int) else 0) + 1)
    await visits.get()
    await visits.clear()
    return "visited"


@tool
async def give_in(turn: Turn) -> None:
    """Cancel the turn from inside."""
    await turn.cancel_output()


def _answer(door: Door) -> Callable[[Any], Any]:
    async def answer(request: Any) -> Any:
        newest = request.messages[-1]
        if newest.role == "tool":
            return f"so it was {newest.content}"
        match newest.content:
            case "hang":
                return await door.model(request)
            case "fail":
                raise RuntimeError
            case "look" | "speak" | "ask" | "visit" | "give_in" as name:
                return call(name)
            case "nothing":
                return ""
            case "go":
                return call("transfer_to_b")
            case said:
                return f"you said {said}"

    return answer


def traced(door: Door) -> Swarm:
    """Return the swarm of the traces: two agents, one policy, every event there is."""
    policy = Policy(
        "polite",
        validate_input=lambda text, _session: text != "bad",
        validate_output=lambda text, _session: "rude" not in text,
        ban_message="Stay polite.",
    )
    first = agent("a", completion=Model(_answer(door)), tools=[look, speak, ask, visit, give_in], handoffs=["b"])
    return swarm(first, agent("b", echo), policies=[policy], bus="all")


def one_request(kind: str, **body: Any) -> Scenario:
    async def scenario(client: Client, _door: Door, _url: str) -> list[str]:
        await client.do(kind, fields={"requestId": "r-1"}, **body)
        return ["r-1"]

    return scenario


def after_a_message(kind: str, fields: dict[str, str | int] | None = None, **body: Any) -> Scenario:
    async def scenario(client: Client, _door: Door, _url: str) -> list[str]:
        await client.ask("hi")
        await client.do(kind, fields={"requestId": "r-1"} | (fields or {}), **body)
        return ["r-1"]

    return scenario


def after_a_ban(kind: str, **body: Any) -> Scenario:
    async def scenario(client: Client, _door: Door, _url: str) -> list[str]:
        await client.do("ban", policyName="polite")
        await client.do(kind, fields={"requestId": "r-1"}, **body)
        return ["r-1"]

    return scenario


def during_a_turn(kind: str, fields: dict[str, str | int] | None = None, **body: Any) -> Scenario:
    async def scenario(client: Client, door: Door, _url: str) -> list[str]:
        running = await client.push("execute", fields={"requestId": "r-running"}, message="hang")
        await asyncio.wait_for(door.reached.wait(), 10)
        await client.do(kind, fields={"requestId": "r-control"} | (fields or {}), **body)
        await client.reply_of(running)
        return ["r-running", "r-control"]

    return scenario


async def _by_ttl(client: Client, _door: Door, url: str) -> list[str]:
    await client.ask("hi")
    await expire(client, url)
    return [INTERNAL]


#: by the name of the golden file
SCENARIOS: Final = MappingProxyType(
    {
        "good-message": one_request("execute", message="hi"),
        "good-message-in-tool-mode": one_request("execute", message="hi", mode="tool"),
        "refused-input": one_request("execute", message="bad"),
        "refused-output": one_request("execute", message="rude"),
        "failing-completion": one_request("execute", message="fail"),
        "empty-answer": one_request("execute", message="nothing"),
        "tool-call": one_request("execute", message="look"),
        "tool-that-executes": one_request("execute", message="ask"),
        "tool-that-emits": one_request("execute", message="speak"),
        "tool-that-changes-a-state": one_request("execute", message="visit"),
        "tool-that-cancels": one_request("execute", message="give_in"),
        "hand-off": one_request("execute", message="go"),
        "run": one_request("run", message="hi"),
        "complete": one_request("complete", message="hi"),
        "connect": one_request("connect"),
        "commit-user-message": one_request("commit-user-message", message="hi"),
        "commit-system-message": one_request("commit-system-message", message="hi"),
        "commit-developer-message": one_request("commit-developer-message", message="hi"),
        "commit-assistant-message": one_request("commit-assistant-message", message="hi"),
        "commit-tool-output": one_request("commit-tool-output", toolId="call_1", content="found"),
        "commit-tool-request": one_request("commit-tool-request", request=[{"toolName": "look", "params": {"n": 1}}]),
        "commit-flush": one_request("commit-flush"),
        "commit-stop-tools": one_request("commit-stop-tools"),
        "change-agent": one_request("change-agent", agentName="b"),
        "custom-event": after_a_message("event", topic="order.paid", payload={"order": 42}),
        "emit": after_a_message("emit", message="hello"),
        "refused-emit": after_a_message("emit", message="rude"),
        "ban": after_a_message("ban", policyName="polite"),
        "unban": after_a_ban("unban", policyName="polite"),
        "refused-by-a-ban": after_a_ban("execute", message="hi"),
        "notify": after_a_message("notify", message="hello"),
        "cancel-without-a-turn": after_a_message("cancel-output"),
        "cancel": during_a_turn("cancel-output"),
        "emit-during-a-turn": during_a_turn("emit", message="a human says hello"),
        "interrupt": during_a_turn("execute", {"whenBusy": "interrupt"}, message="hi"),
        "rollback": during_a_turn("execute", {"whenBusy": "rollback"}, message="hi"),
        "dispose-by-request": after_a_message("dispose"),
        "dispose-by-force": during_a_turn("dispose", {"force": 1}),
        "dispose-by-ttl": _by_ttl,
    }
)
