"""Several messages, one answer: the newest is answered, what waited before it becomes history (spec, section 4.2)."""

from worker.core.outcome import Expired, Outcome, Refused, Skipped
from worker.turn import events
from worker.turn.check_input import check_input
from worker.turn.commits import commit_message
from worker.turn.execute import carry
from worker.turn.navigation import active_agent
from worker.turn.port import OpenTurn
from worker.turn.together import Together


async def answer_newest(turn: OpenTurn) -> Outcome:
    """Answer the newest of the messages that came together; those before it go to the history, in their order.

    Each is asked about by itself. One that may not come in has its own end: it is neither kept nor answered.
    """
    mode = turn.together[-1].body.mode.value
    events.execution_begin(turn, active_agent(turn).name if mode == "tool" else "")
    let_in: list[Together] = []
    for one in turn.together:
        one.outcome = await _kept_out(turn, one)
        if one.outcome is None:
            let_in.append(one)
    if not let_in:
        return turn.together[-1].outcome or Skipped("")
    *superseded, newest = let_in
    for one in superseded:
        turn.payload = one.body.payload
        await commit_message(turn, "user", one.body.message, one.body.mode.value)
    turn.payload = newest.body.payload
    return await carry(turn, newest.body.message, newest.body.mode.value)


async def _kept_out(turn: OpenTurn, one: Together) -> Expired | Skipped | Refused | None:
    """Return the end of a message that may not come in, None when it may."""
    deadline_ms, agent_name = one.request.deadline_ms, one.body.agent_name
    if deadline_ms is not None and turn.port.now_ms() > deadline_ms:
        return Expired(deadline_ms)
    if agent_name is not None and agent_name != active_agent(turn).name:
        return Skipped(agent_name)
    turn.payload = one.body.payload
    asked = check_input(turn, one.body.message)
    return None if asked is None else await asked
