"""A chain of three tools that counts each question and each call, and dies where the message says: `die in tool 2`."""

import os
import signal

from pydantic import JsonValue

from tests.acceptance.backstage import Backstage
from worker import (
    Agent,
    App,
    CompletionMessage,
    CompletionRequest,
    Policy,
    SessionInfo,
    Swarm,
    ToolCall,
    Turn,
    tool,
)

#: how many tools are called, one after the other
LENGTH = 3


def _counted(client_id: str, message: str, what: str) -> None:
    """Note what begins; die in the middle of it if the message wants that and it never happened before."""
    backstage = Backstage.of_this_process()
    backstage.note(client_id, what)
    if message == f"die in {what}" and backstage.page(client_id).count(what) == 1:
        os.kill(os.getpid(), signal.SIGKILL)


def _increased(value: JsonValue) -> JsonValue:
    return value + 1 if isinstance(value, int) else 1


@tool
async def act(turn: Turn, n: int) -> str:
    """Do one link of the chain: a step, an emit, a state, and then it is noted as done."""
    message = turn.last_user_message() or ""
    _counted(turn.client_id, message, f"tool {n}")
    await turn.step(f"pay {n}", _counted, turn.client_id, message, f"step {n}")
    await turn.emit(f"link {n}")
    _counted(turn.client_id, message, f"end {n}")
    return f"done {await turn.state('links').set(_increased)}"


async def chain(request: CompletionRequest) -> CompletionMessage:
    """Ask for one tool after the other, then tell what the last one gave."""
    message = request.last_user_message()
    done = [shown.content for shown in request.messages if shown.role == "tool"]
    _counted(request.client_id, message, f"model {len(done) + 1}")
    if len(done) == LENGTH:
        return CompletionMessage(f"all {done[-1]}")
    return CompletionMessage("", [ToolCall("", "act", {"n": len(done) + 1})])


async def judge(text: str, session: SessionInfo) -> bool:
    """Look at the answer, as slowly as a model would; the emits pass unseen."""
    if text.startswith("all"):
        _counted(session.client_id, str(session.payload), "policy 1")
    return True


app = App(
    [
        Swarm(
            "chain",
            agents=[Agent("worker", completion=chain, tools=[act])],
            default_agent="worker",
            policies=[Policy("judge", validate_output=judge)],
        )
    ]
)
