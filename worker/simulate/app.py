"""The application under chaos: its answers are hash chains, and it notes every run of an agent or a step.

A message is `<verb> <seconds> <request id>`. The notes go below the directory that a worker is started in.
"""

import itertools
import os
import signal
import threading
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import cast

from worker import (
    Agent,
    App,
    CompletionMessage,
    CompletionRequest,
    Policy,
    SessionInfo,
    State,
    Swarm,
    SwarmCallbacks,
    ToolCall,
    Turn,
    tool,
)
from worker.clock import sleep
from worker.simulate.chain import Link
from worker.simulate.history import History
from worker.simulate.pace import watch_pace

#: sessions of these live through the whole run, so their chains are checked link by link
CHAIN, STEPS = "chain", "steps"
#: any kind of request comes here, control among them
MIXED = "mixed"
#: sessions that are disposed again and again, by their TTL
SHORT = "short"
#: where one word kills the process
VICTIM = "victim"

SHORT_TTL_S = 1.0
POLICY = "polite"
_numbers = itertools.count(1)


@cache
def _history() -> History:
    watch_pace(Path.cwd(), str(os.getpid()))
    return History(Path.cwd(), f"executions-{os.getpid()}")


def began(request_id: str, step: str, attempt: int = 0) -> str:
    """Note that a step of a request begins; return the name of this execution."""
    execution = f"{os.getpid()}.{next(_numbers)}"
    _history().note("invoke", "execution", id=request_id, step=step, attempt=attempt, execution=execution)
    return execution


async def behave(message: str) -> str:
    """Do what the verb of a message says; return the request id in it."""
    verb, seconds, request_id = message.split()
    if verb == "poison":
        os.kill(os.getpid(), signal.SIGKILL)
    elif verb == "block":
        threading.Event().wait(float(seconds))  # on purpose: it blocks the event loop, as a careless tool does
    elif float(seconds):
        await sleep(float(seconds))
    return request_id


async def answer_from_history(request: CompletionRequest) -> CompletionMessage:
    """Answer with the link after the newest link of the history."""
    message = request.last_user_message()
    execution = began(message.split()[-1], "answer")
    await behave(message)
    links = (Link.parse(said.content) for said in reversed(request.messages) if said.role == "assistant")
    previous = next((link.state for link in links if link), "")
    return CompletionMessage(Link.after(previous, message, execution).text)


@tool
async def advance(turn: Turn, message: str) -> str:
    """Move the state on in two journaled steps."""
    # The attempt must not be an argument of the step: a step that is given something else is a new one.
    await turn.step("first", lambda: began(turn.request_id, "first", turn.attempt))
    await turn.step("second", lambda: began(turn.request_id, "second", turn.attempt))
    # Most of the turn comes here, since a worker that dies from now on has both on record.
    await behave(message)
    return cast("str", await turn.state("chain").set(lambda value: _advanced(str(value), message)))


def _advanced(value: str, message: str) -> str:
    link = Link.parse(value)
    return Link.after(link.state if link else "", message, "").text


async def answer_with_tool(request: CompletionRequest) -> CompletionMessage:
    """Have the tool move the state on, then answer with what it returned."""
    last = request.messages[-1]
    if last.role != "tool":
        message = request.last_user_message()
        return CompletionMessage("", [ToolCall("", "advance", {"message": message})])
    link = Link.parse(last.content)
    request_id = request.last_user_message().split()[-1]
    execution = began(request_id, "answer")
    return CompletionMessage(link._replace(execution=execution).text if link else f"no state: {last.content}")


async def note_disposal(turn: Turn) -> None:
    """Note that a session is about to go; from here on it can't be called off."""
    _history().note("invoke", "dispose", sid=f"{turn.swarm_name}:{turn.client_id}", id=turn.request_id)


def anything_goes(_message: str, _session: SessionInfo) -> bool:
    """Let everything pass; the policy is there to be banned by."""
    return True


def _swarm(name: str, *, ttl_s: float = 3600, policies: tuple[Policy, ...] = ()) -> Swarm:
    agent = Agent(name, completion=answer_from_history)
    callbacks = SwarmCallbacks(on_dispose=note_disposal)
    ttl = timedelta(seconds=ttl_s)
    return Swarm(name, agents=[agent], default_agent=name, policies=policies, session_ttl=ttl, callbacks=callbacks)


app = App(
    swarms=[
        _swarm(CHAIN),
        _swarm(VICTIM),
        _swarm(SHORT, ttl_s=SHORT_TTL_S),
        _swarm(MIXED, policies=(Policy(POLICY, validate_input=anything_goes),)),
        Swarm(
            STEPS,
            agents=[Agent(STEPS, completion=answer_with_tool, tools=[advance])],
            default_agent=STEPS,
            states=[State("chain", default="")],
            session_ttl=timedelta(hours=1),
        ),
    ]
)
