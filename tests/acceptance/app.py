"""The application of the acceptance tests: one agent that does what it is told, in swarms with different rules.

What a message makes the agent do:

    wait at DOOR      stand before a door until the test opens it
    recall            answer with everything it is shown of the conversation
    count             call a tool that adds one to a state of the session
    share NUMBER      call a tool that adds one to a state of all sessions, so many times; before and after a DOOR
    tell ONE TWO      call a tool that emits each word and then waits at the door of the last one, if that is a door
    stream ONE TWO    stream the words before it answers with them
    stumble N PAGE    raise an error that may be gone later, N times; each try leaves a line on the page
    stutter           stream and answer half of a surrogate pair
    fail              raise an error; `fail in a tool` does it in a tool, `fail by NAME` with an odd one (see ODD)
    go to AGENT       hand the conversation over
    anything else     answer with its own name and the message
"""

from asyncio import CancelledError
from collections.abc import Callable, Sequence
from datetime import timedelta
from os import getpid

from pydantic import JsonValue

from tests.acceptance.backstage import Backstage
from worker import (
    Agent,
    AgentCallbacks,
    App,
    CompletionMessage,
    CompletionRequest,
    Operator,
    Policy,
    Retryable,
    SessionInfo,
    State,
    Swarm,
    SwarmCallbacks,
    Texts,
    ToolCall,
    Turn,
    tool,
)
from worker.clock import sleep
from worker.completions import EchoCompletion
from worker.errors import Fenced, QueueUnavailable

ODD: dict[str, BaseException] = {
    "by sys.exit": SystemExit(3),
    "by a cancellation of its own": CancelledError(),
    "by an interrupt": KeyboardInterrupt(),
    "by an error of ours": Fenced("not really"),
    "by another error of ours": QueueUnavailable("not really"),
    "by a generator's end": GeneratorExit(),
    "by a group": BaseExceptionGroup("several", [SystemExit(3)]),
}
SORRY = "Sorry, say that again?"
SECRET = "password-of-the-database"
STAY_POLITE = "Please stay polite."
NO_SECRETS = "I may not talk about that."


def _increased(value: JsonValue) -> JsonValue:
    return value + 1 if isinstance(value, int) else 1


@tool
async def count(turn: Turn) -> str:
    """Add one to a state of the session."""
    return f"counted {await turn.state('counter').set(_increased)}"


@tool
async def share(turn: Turn, what: str) -> str:
    """Add to a state of all sessions."""
    shared = turn.state("shared")
    if what.startswith("door-"):
        await shared.set(_increased)
        await Backstage.of_this_process().wait_at(what)
        return f"shared {await shared.set(_increased)}"
    for _ in range(int(what)):
        await shared.set(_increased)
    return f"shared {await shared.get()}"


@tool
async def tell(turn: Turn, words: str) -> str:
    """Emit words one after the other."""
    for word in words.split():
        await turn.emit(word)
        if word.startswith("door-"):
            await Backstage.of_this_process().wait_at(word)
    return f"told {words}"


@tool
async def fail() -> str:
    """Raise an error that holds a secret."""
    raise RuntimeError(SECRET)


def _call(name: str, **arguments: JsonValue) -> CompletionMessage:
    return CompletionMessage(tool_calls=(ToolCall("", name, arguments),))


async def obey(request: CompletionRequest) -> CompletionMessage:
    """Do what the newest message says (see above)."""
    newest = request.messages[-1]
    if newest.role == "tool" and not newest.content.startswith("The conversation was handed over"):
        return CompletionMessage(newest.content)
    message = request.last_user_message()
    verb, _, rest = message.partition(" ")
    if verb == "wait":
        await Backstage.of_this_process().wait_at(rest.removeprefix("at "))
    done = VERBS.get(verb)
    return CompletionMessage(f"{request.agent_name}: {message}") if done is None else done(request, rest)


def _say_done(request: CompletionRequest, _: str) -> CompletionMessage:
    return CompletionMessage(f"done: {request.last_user_message()}")


def _recall(request: CompletionRequest, _: str) -> CompletionMessage:
    return CompletionMessage("\n".join(f"{seen.role}: {seen.content}" for seen in request.messages))


def _stream(request: CompletionRequest, words: str) -> CompletionMessage:
    for word in words.split():
        request.emit_delta(word)
    return _say_done(request, words)


def _stutter(request: CompletionRequest, _: str) -> CompletionMessage:
    request.emit_delta("half a pair: \ud83d")
    return CompletionMessage("half a pair: \ud83d")


def _stumble(_: CompletionRequest, rest: str) -> CompletionMessage:
    times, page = rest.split()
    backstage = Backstage.of_this_process()
    backstage.note(page, str(getpid()))
    if len(backstage.page(page)) <= int(times):
        raise Retryable
    return CompletionMessage("up again")


def _fail(_: CompletionRequest, where: str) -> CompletionMessage:
    if not where:
        raise RuntimeError(SECRET)
    if where in ODD:
        raise ODD[where]
    return _call("fail")


def _go(request: CompletionRequest, rest: str) -> CompletionMessage:
    agent_name = rest.removeprefix("to ")
    if request.agent_name == agent_name:
        return CompletionMessage(f"{agent_name} is here")
    return _call(f"transfer_to_{agent_name}")


VERBS: dict[str, Callable[[CompletionRequest, str], CompletionMessage]] = {
    "wait": _say_done,
    "recall": _recall,
    "count": lambda _, __: _call("count"),
    "share": lambda _, what: _call("share", what=what),
    "tell": lambda _, words: _call("tell", words=words),
    "stream": _stream,
    "stutter": _stutter,
    "stumble": _stumble,
    "go": _go,
    "fail": _fail,
}


async def keep_the_ledger(request: CompletionRequest) -> CompletionMessage:
    """Note when it begins and ends; answer with how many messages of the client it has seen so far."""
    backstage, message = Backstage.of_this_process(), request.last_user_message()
    backstage.note("ledger", f"begin {request.client_id} {message} {getpid()}")
    await sleep(0.002)  # any other turn of the session would have the time to begin now
    backstage.note("ledger", f"end {request.client_id} {message} {getpid()}")
    seen: Sequence[str] = [seen.content for seen in request.messages if seen.role == "user"]
    return CompletionMessage(f"{len(seen)} {seen[0]}-{seen[-1]}")


def _is_polite(message: str, _: SessionInfo) -> bool:
    return "stupid" not in message


def _is_no_threat(message: str, _: SessionInfo) -> bool:
    return "I will hurt you" not in message


def _tells_no_secret(message: str, _: SessionInfo) -> bool:
    return "secret" not in message


def _note_disposal(turn: Turn) -> None:
    Backstage.of_this_process().note("disposed", f"{turn.agent_name} {turn.swarm_name} {turn.client_id}")


def _agent(name: str, *handoffs: str, **rules: int) -> Agent:
    return Agent(
        name, prompt=f"You are {name}.", completion=obey, tools=[count, share, tell, fail], handoffs=handoffs, **rules
    )


POLICIES = (
    Policy("polite", validate_input=_is_polite, ban_message=STAY_POLITE),
    Policy("safe", validate_input=_is_no_threat, ban_message="Good-bye.", auto_ban=True),
    Policy("discreet", validate_output=_tells_no_secret, ban_message=NO_SECRETS),
)
SHARED = State("shared", default=0, shared=True)
PLAIN = [_agent("helper")]

app = App(
    swarms=[
        Swarm("echo", agents=[Agent("parrot", completion=EchoCompletion("You said: "))], default_agent="parrot"),
        Swarm(
            "support",
            agents=[_agent("triage", "sales", "refunds"), _agent("sales", "refunds"), _agent("refunds")],
            default_agent="triage",
            texts=Texts(placeholders=[SORRY]),
        ),
        Swarm("guarded", agents=PLAIN, default_agent="helper", policies=POLICIES),
        Swarm("observed", agents=PLAIN, default_agent="helper", policies=POLICIES[:1], bus="all"),
        Swarm("ledger", agents=[Agent("clerk", completion=keep_the_ledger, keep_messages=1000)], default_agent="clerk"),
        Swarm("common", agents=PLAIN, default_agent="helper", states=[SHARED]),
        Swarm("common-too", agents=PLAIN, default_agent="helper", states=[SHARED]),
        Swarm(
            "manned",
            agents=[_agent("triage", "human"), Agent("human", operator=Operator())],
            default_agent="triage",
            policies=POLICIES,
        ),
        Swarm("human", agents=[Agent("human", operator=Operator())], default_agent="human", policies=POLICIES),
        Swarm("hurried", agents=[Agent("human", operator=Operator(timeout_s=0.3))], default_agent="human"),
        Swarm("small", agents=PLAIN, default_agent="helper", max_mailbox=3),
        Swarm("calm", agents=PLAIN, default_agent="helper", when_busy="throttle", throttle_s=3600),
        Swarm("hasty", agents=PLAIN, default_agent="helper", turn_timeout_s=0.2, texts=Texts(placeholders=[SORRY])),
        Swarm("buried", agents=PLAIN, default_agent="helper", bury_agent_errors=True),
        Swarm(
            "brief",
            agents=[Agent("helper", completion=obey, callbacks=AgentCallbacks(on_dispose=_note_disposal))],
            default_agent="helper",
            session_ttl=timedelta(seconds=1),
            callbacks=SwarmCallbacks(on_dispose=_note_disposal),
        ),
    ]
)
