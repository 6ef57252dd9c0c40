"""Whether an answer may go out (spec, sections 3.1 and 5)."""

from tests.turn.recording import Stage, agent, records_of, reply_of, swarm_of
from worker import Policy, PolicyCallbacks, SessionInfo
from worker.completions import EchoCompletion


def no_secrets(text: str, _session: SessionInfo) -> bool:
    return "secret" not in text


async def test_a_refused_answer_becomes_the_ban_message_but_stays_in_the_history() -> None:
    policy = Policy("p", validate_output=no_secrets, ban_message="I can't say.")
    finished = await Stage(swarm_of(agent("a", EchoCompletion()), policies=[policy])).send(
        "execute", message="the secret"
    )
    reply = reply_of(finished)
    assert (reply.status, reply.output) == ("refused", "I can't say.")
    assert records_of(finished) == [("user", "the secret"), ("assistant", "the secret")]


async def test_a_good_answer_passes_and_callbacks_see_it() -> None:
    told: list[str] = []
    callbacks = PolicyCallbacks(on_validate_output=lambda _turn, text, _name: told.append(text))
    policy = Policy("p", validate_output=no_secrets, callbacks=callbacks)
    reply = await Stage(swarm_of(agent("a", EchoCompletion(prefix="> ")), policies=[policy])).say("hi")
    assert (reply.output, told) == ("> hi", ["> hi"])


async def test_the_placeholder_passes_the_policies_too() -> None:
    policy = Policy("p", validate_output=lambda _text, _session: False, ban_message="no")
    reply = await Stage(swarm_of(agent("a", EchoCompletion()), policies=[policy])).say("")
    assert (reply.status, reply.output) == ("refused", "no")
