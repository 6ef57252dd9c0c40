"""What the fault tests run: an agent whose answer proves everything that was said before, in order."""

import hashlib
import os
import signal

from worker import Agent, App, CompletionMessage, CompletionRequest, Swarm, ToolCall, Turn, tool
from worker.clock import sleep

#: no session of these tests gets longer
LONGEST = 200
#: what a turn takes: enough to be killed in the middle of it
TURN_S = 0.01


def proof_of(messages: list[str]) -> str:
    """Return a hash of all messages in order; one that is lost, doubled or out of place changes it."""
    return hashlib.sha256("\n".join(messages).encode()).hexdigest()[:16]


async def prove(request: CompletionRequest) -> CompletionMessage:
    """Answer with the proof of what the client has said in this session so far."""
    await sleep(TURN_S)
    return CompletionMessage(proof_of([message.content for message in request.messages if message.role == "user"]))


async def poison(request: CompletionRequest) -> CompletionMessage:
    """Take the whole process down on one word, else answer after a while."""
    if request.last_user_message() == "poison":
        os.kill(os.getpid(), signal.SIGKILL)
    await sleep(0.3)
    return CompletionMessage("survived")


async def wait(request: CompletionRequest) -> CompletionMessage:
    """Take as many seconds as the message says."""
    await sleep(float(request.last_user_message()))
    return CompletionMessage("done")


@tool
async def talk(turn: Turn) -> str:
    """Emit one word, then another one after a moment."""
    await turn.emit("one")
    await sleep(0.3)
    await turn.emit("two")
    return "talked"


async def let_talk(request: CompletionRequest) -> CompletionMessage:
    """Let the tool talk."""
    newest = request.messages[-1]
    return CompletionMessage("done") if newest.role == "tool" else CompletionMessage("", [ToolCall("1", "talk")])


def _swarm(name: str, agent: Agent) -> Swarm:
    return Swarm(name, agents=[agent], default_agent=agent.name)


app = App(
    swarms=[
        _swarm("proof", Agent("prover", completion=prove, keep_messages=LONGEST)),
        _swarm("slow", Agent("waiter", completion=wait)),
        Swarm(
            "hasty",
            agents=[Agent("talker", completion=let_talk, tools=[talk], tool_timeout_s=1.5)],
            default_agent="talker",
            turn_timeout_s=1.5,
        ),
        _swarm("poison", Agent("victim", completion=poison)),
    ]
)
