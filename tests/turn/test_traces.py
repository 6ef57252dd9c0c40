"""Bus events of a turn, whole and in order (spec, section 12; protocol.md, bus events)."""

import json

import pytest

from tests.turn.recording import Stage, agent, answering, events_of, swarm_of, trace_of
from worker import Policy, ToolCall, Turn, tool
from worker.completions import EchoCompletion, ScriptedCompletion

OPEN = Policy("open", validate_input=lambda message, _: "bad" not in message)


def all_events(completion: object = None, **options: object) -> Stage:
    return Stage(swarm_of(agent("a", completion or EchoCompletion()), policies=[OPEN], bus="all", **options))


GOOD = [
    "execution-bus commit-execution-begin",
    "policy-bus validate-input",
    "swarm-bus get-agent-name",
    "swarm-bus get-agent",
    "history-bus push",
    "history-bus push",
    "agent-bus emit-output",
    "swarm-bus get-agent-name",
    "swarm-bus wait-for-output",
    "policy-bus validate-output",
    "session-bus execute",
    "execution-bus commit-execution-end",
]


async def test_a_good_message() -> None:
    assert trace_of(await all_events().send("execute", message="hi")) == GOOD


async def test_a_plain_turn_has_three_events_by_default() -> None:
    stage = Stage(swarm_of(agent("a", EchoCompletion()), policies=[OPEN]))
    finished = await stage.send("execute", message="hi")
    assert [json.loads(event) for event in finished.events] == [
        {
            "type": "commit-execution-begin",
            "source": "execution-bus",
            "input": {},
            "output": {},
            "context": {"swarmName": "support"},
            "clientId": "alice",
            "requestId": "r-1",
            "turn": 1,
            "attempt": 1,
            "atMs": 1_795_365_314_001,
        },
        {
            "type": "execute",
            "source": "session-bus",
            "input": {"message": "hi", "mode": "user"},
            "output": {"result": "hi"},
            "context": {"swarmName": "support"},
            "clientId": "alice",
            "requestId": "r-1",
            "turn": 1,
            "attempt": 1,
            "atMs": 1_795_365_314_002,
        },
        {
            "type": "commit-execution-end",
            "source": "execution-bus",
            "input": {},
            "output": {"status": "completed"},
            "context": {"swarmName": "support"},
            "clientId": "alice",
            "requestId": "r-1",
            "turn": 1,
            "attempt": 1,
            "atMs": 1_795_365_314_003,
        },
    ]


async def test_tool_mode_names_the_agent_in_begin_and_end() -> None:
    finished = await Stage(swarm_of(agent("a", EchoCompletion()))).send("execute", message="hi", mode="tool")
    contexts = [json.loads(event)["context"] for event in finished.events]
    assert contexts == [{"swarmName": "support", "agentName": "a"}, {"swarmName": "support"}, contexts[0]]


@pytest.mark.parametrize("bus", ["session", "all"])
async def test_refused_input(bus: str) -> None:
    stage = Stage(swarm_of(agent("a", EchoCompletion()), policies=[OPEN], bus=bus))
    finished = await stage.send("execute", message="bad")
    assert trace_of(finished) == [GOOD[0], GOOD[1], GOOD[-1]]
    assert events_of(finished, "commit-execution-end")[0]["output"] == {"status": "refused"}
    assert events_of(finished, "validate-input")[0]["input"] == {"incoming": "bad"}


@pytest.mark.parametrize("bus", ["session", "all"])
async def test_refused_output_publishes_no_execute(bus: str) -> None:
    strict = Policy("strict", validate_output=lambda _message, _session: False, auto_ban=True)
    stage = Stage(swarm_of(agent("a", EchoCompletion()), policies=[strict], bus=bus))
    trace = trace_of(await stage.send("execute", message="hi"))
    expected = [*GOOD[:-2], "policy-bus ban-client", GOOD[-1]]
    if bus == "session":
        expected = [GOOD[0], "policy-bus validate-output", "policy-bus ban-client", GOOD[-1]]
    assert trace == expected


FAILED = [*GOOD[:6], "history-bus push", "history-bus push", *GOOD[6:]]


async def test_a_failing_completion_has_four_pushes_and_an_end() -> None:
    finished = await all_events(ScriptedCompletion([OSError("down")])).send("execute", message="hi")
    assert trace_of(finished) == FAILED
    assert events_of(finished, "commit-execution-end")[0]["output"] == {"status": "failed"}
    roles = [event["input"]["message"]["role"] for event in events_of(finished, "push")]
    assert roles == ["user", "assistant", "resque", "user"]


async def test_an_empty_answer_has_the_same_trace_but_completes() -> None:
    finished = await all_events(ScriptedCompletion([""])).send("execute", message="hi")
    assert trace_of(finished) == FAILED
    assert events_of(finished, "commit-execution-end")[0]["output"] == {"status": "completed"}


async def test_a_tool_call() -> None:
    @tool
    async def look() -> str:
        return "found"

    stage = Stage(
        swarm_of(
            agent("a", ScriptedCompletion([ToolCall("1", "look"), "It is there."]), tools=[look]),
            policies=[OPEN],
            bus="all",
        )
    )
    assert trace_of(await stage.send("execute", message="hi")) == [
        *GOOD[:6],
        "swarm-bus get-agent-name",
        "swarm-bus get-agent",
        "history-bus push",
        "agent-bus commit-tool-output",
        "session-bus commit-tool-output",
        "history-bus push",
        *GOOD[6:],
    ]


async def test_a_tool_that_executes_has_a_pair_of_its_own() -> None:
    @tool
    async def ask(turn: Turn) -> None:
        await turn.commit_tool_output(turn.tool_call_id, "ok")
        await turn.execute("and now?")

    stage = Stage(swarm_of(agent("a", ScriptedCompletion([ToolCall("1", "ask"), "done"]), tools=[ask])))
    finished = await stage.send("execute", message="hi")
    assert trace_of(finished) == [
        GOOD[0],
        "session-bus commit-tool-output",
        GOOD[0],
        "session-bus execute",
        GOOD[-1],
        "session-bus execute",
        GOOD[-1],
    ]
    inner, outer = events_of(finished, "execute")
    assert (inner["input"]["mode"], outer["input"]["mode"]) == ("tool", "user")
    assert inner["output"] == outer["output"] == {"result": "done"}


async def test_a_hand_off() -> None:
    stage = Stage(
        swarm_of(
            agent("a", ScriptedCompletion([ToolCall("1", "transfer_to_b")]), handoffs=["b"]),
            agent("b", EchoCompletion()),
            policies=[OPEN],
            bus="all",
        )
    )
    assert trace_of(await stage.send("execute", message="hi")) == [
        *GOOD[:6],
        "swarm-bus get-agent-name",
        "swarm-bus get-agent",
        "agent-bus commit-stop-tools",
        "session-bus commit-stop-tools",
        "swarm-bus get-agent-name",
        "swarm-bus get-agent",
        "history-bus push",
        "agent-bus commit-tool-output",
        "session-bus commit-tool-output",
        "swarm-bus get-agent-name",
        "agent-bus commit-agent-change",
        "agent-bus commit-agent-change",
        "swarm-bus get-agent-name",
        "swarm-bus set-agent-ref",
        "swarm-bus set-agent-name",
        "history-bus push",
        *GOOD[6:],
    ]


async def test_an_emit_during_a_turn() -> None:
    @tool
    async def tell(turn: Turn) -> None:
        await turn.emit("wait")

    stage = Stage(swarm_of(agent("a", ScriptedCompletion([ToolCall("1", "tell")]), tools=[tell])))
    finished = await stage.send("execute", message="hi")
    assert trace_of(finished) == [GOOD[0], "session-bus emit", "session-bus execute", GOOD[-1]]
    assert events_of(finished, "emit")[0]["input"] == {"message": "wait"}


async def test_a_custom_event_has_its_topic_as_source() -> None:
    @tool
    async def ring(turn: Turn) -> str:
        turn.event("door.bell", {"times": 2})
        await turn.event("door.bell", {"times": 3})
        return "rung"

    stage = Stage(swarm_of(agent("a", ScriptedCompletion([ToolCall("1", "ring"), "ok"]), tools=[ring])))
    finished = await stage.send("execute", message="hi")
    assert trace_of(finished).count("door.bell") == 2
    assert [json.loads(event)["payload"]["times"] for event in finished.events[1:3]] == [2, 3], "awaited or not"


async def test_a_stateless_run() -> None:
    stage = all_events(answering(lambda request: f"{len(request.messages)} {request.tools}"))
    finished = await stage.send("run", message="hi")
    assert trace_of(finished) == [
        GOOD[0],
        "swarm-bus get-agent-name",
        "swarm-bus get-agent",
        "agent-bus run",
        "session-bus run",
        GOOD[-1],
    ]
    assert json.loads(finished.events[0])["context"] == {"swarmName": "support", "agentName": "a"}


async def test_a_committed_message() -> None:
    finished = await all_events().send("commit-user-message", message="hi")
    assert trace_of(finished) == [
        "swarm-bus get-agent-name",
        "swarm-bus get-agent",
        "history-bus push",
        "agent-bus commit-user-message",
        "session-bus commit-user-message",
    ]
