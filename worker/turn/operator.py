"""Agents who are human: the turn is parked until an answer comes (spec, section 7.12).

What has been asked stands in the journal, so a turn that is run again asks nobody twice. What became of a question
stands in the document of the session, written by the commit of the request that brought it.
"""

from collections.abc import Mapping
from typing import cast

from schemas.requests import OperatorAnswerBody
from worker.core.json_text import quote
from worker.core.outcome import Outcome, Replied
from worker.definitions.agent import Agent
from worker.turn import events
from worker.turn.guard import tell
from worker.turn.journal import entry_of, keep, may_start, next_step, recorded, write
from worker.turn.port import OpenTurn
from worker.turn.progress import Parked

#: journal fields: `question/<n>` holds until when step n waits for its answer, ms; `shown` how many events went out
QUESTION = "question/"
SHOWN = "shown"
#: until when a question without a time-out waits: ten years
NEVER_MS = 10 * 365 * 24 * 3600 * 1000


async def consult(turn: OpenTurn, agent: Agent, message: str, mode: str) -> str:
    """Return what the human behind an agent answers; parks the turn until then. No answer in time is an empty one."""
    number, given = next_step(turn), [agent.name, message]
    found = recorded(turn, number, "operator", given)
    text = cast("str", found[0]) if found else await _answer(turn, agent, number, message)
    if not found and not turn.cancelled_by:
        entry = entry_of("operator", given, text)
        keep(turn, number, lambda: entry)
    if agent.callbacks.on_output is not None:
        await tell(turn, agent.name, agent.callbacks.on_output, text)
    events.output_emitted(turn, agent.name, mode, text, text)
    return text


async def _answer(turn: OpenTurn, agent: Agent, number: int, message: str) -> str:
    await may_start(turn)
    question = f"{turn.request.request_id}/{number}"
    if f"{QUESTION}{number}" not in turn.replay:
        await _ask(turn, agent, number, message)
    else:
        events.operator_asked(turn, agent.name, message, question)
    until_ms = int(turn.replay[f"{QUESTION}{number}"])
    end = turn.session.resolved.get(question)
    if end is None and turn.port.now_ms() < until_ms:
        await turn.port.park(turn, until_ms)
    turn.session.resolved = {}
    del turn.replay[f"{QUESTION}{number}"]
    if end is None:
        return ""
    if "cancelledBy" in end:
        turn.cancelled_by = end["cancelledBy"]
        turn.substituted = end.get("text")
    return end.get("answer", "")


async def _ask(turn: OpenTurn, agent: Agent, number: int, message: str) -> None:
    timeout_s = agent.operator.timeout_s if agent.operator is not None else None
    wait_ms = NEVER_MS if timeout_s is None else int(timeout_s * 1000)
    put(turn, agent, message, f"{turn.request.request_id}/{number}")
    until = str(turn.port.now_ms() + wait_ms)
    turn.replay[f"{QUESTION}{number}"] = turn.journal[f"{QUESTION}{number}"] = until
    turn.journal[SHOWN] = str(len(turn.events))
    await write(turn)


def put(turn: OpenTurn, agent: Agent, message: str, question: str | None = None) -> None:
    """Show a message to the human behind an agent; without a question nobody waits for an answer."""
    question_json = "null" if question is None else f'"{question}"'
    turn.emits.append(
        f'{{"v":1,"type":"question","data":{quote(message)},"questionId":{question_json},"agentName":"{agent.name}",'
        f'"clientId":{turn.client_json},"swarmName":"{turn.swarm.name}","requestId":"{turn.request.request_id}"}}'
    )
    events.operator_asked(turn, agent.name, message, question)


def parking(turn: OpenTurn) -> Parked | None:
    """Return how the turn is parked, None when it has an end, or may go on."""
    parked = turn.parked
    return parked if parked is not None and parked.until_ms and not turn.cancelled_by else None


def pending_question(journal: Mapping[str, str]) -> str:
    """Return the question that a parked turn waits for, `""` if there is none; journal names begin with request ids."""
    for name in journal:
        request_id, kind, number = (*name.split("/"), "", "")[:3]
        if f"{kind}/" == QUESTION and f"{request_id}/step/{number}" not in journal:
            return f"{request_id}/{number}"
    return ""


def due_of(running: OpenTurn) -> int:
    """Return until when the running turn waits for an answer, Unix ms; 0 if it has asked nobody."""
    return next((int(until) for name, until in running.replay.items() if _is_open(running, name)), 0)


def _is_open(running: OpenTurn, name: str) -> bool:
    return name.startswith(QUESTION) and f"step/{name.removeprefix(QUESTION)}" not in running.replay


async def operator_answer(turn: OpenTurn, body: OperatorAnswerBody) -> Outcome:
    """Answer the question that a parked turn of the session waits for; tell whether there was one."""
    parked = turn.parked
    is_meant = parked is not None and body.question_id in (None, parked.question)
    return Replied("true" if is_meant and resolve(turn, {"answer": body.message}) else "false")


def end_parked(turn: OpenTurn, reason: str, text: str | None = None) -> bool:
    """Let the parked turn of the session end as cancelled, or with a text as its answer; False if there is none."""
    end = {"cancelledBy": reason}
    return resolve(turn, end if text is None else end | {"text": text})


def resolve(turn: OpenTurn, end: Mapping[str, str]) -> bool:
    """Let the parked turn go on with this end of its question; False if there is none, or it has one already."""
    session, parked = turn.session, turn.parked
    if parked is None or parked.question in session.resolved:
        return False
    session.resolved = {parked.question: dict(end)}
    parked.is_resolved = True
    return True
