"""Several policies over one text: whatever each of them says, the first that refuses speaks (spec, section 5)."""

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from tests.turn.recording import Stage, agent, events_of, reply_of, swarm_of, trace_of
from worker import Policy, SessionInfo
from worker.completions import EchoCompletion


class Opinion(NamedTuple):
    """How one policy behaves: what its validator does, if it has one, and whether its client is banned before."""

    says: str
    is_late: bool
    is_banned: bool
    auto_ban: bool

    @property
    def refuses(self) -> bool:
        return self.is_banned or self.says in ("no", "raises")

    @property
    def bans(self) -> bool:
        return self.auto_ban and (self.is_banned or self.says == "no")


opinions = st.builds(Opinion, st.sampled_from(["yes", "no", "raises", "nothing"]), *[st.booleans()] * 3)


def _policy(n: int, opinion: Opinion, asked: list[int], side: str) -> Policy:
    def judge(_text: str, _session: SessionInfo) -> bool:
        asked.append(n)
        if opinion.says == "raises":
            raise RuntimeError
        return opinion.says == "yes"

    async def judge_late(text: str, session: SessionInfo) -> bool:
        return judge(text, session)

    validators: dict[str, Any] = {f"validate_{side}": judge_late if opinion.is_late else judge}
    if opinion.says == "nothing":
        validators = {}
    return Policy(f"p{n}", ban_message=f"p{n} says no", auto_ban=opinion.auto_ban, **validators)


@given(st.lists(opinions, max_size=5), st.sampled_from(["input", "output"]))
def test_the_first_that_refuses_speaks_and_nobody_after_it_is_asked(given_: Sequence[Opinion], side: str) -> None:
    # A banned client is refused on the way in already: bans are looked at there alone.
    policies = [one._replace(is_banned=False) for one in given_] if side == "output" else list(given_)
    asked: list[int] = []
    swarm = swarm_of(
        agent("a", EchoCompletion()),
        policies=[_policy(n, one, asked, side) for n, one in enumerate(policies)],
        bus="all",
    )
    stage = Stage(swarm)
    stage.session.banned = {f"p{n}" for n, one in enumerate(policies) if one.is_banned}
    before = set(stage.session.banned)
    finished = asyncio.run(stage.send("execute", message="hi"))

    refusing = next((n for n, one in enumerate(policies) if one.refuses), None)
    reached = policies if refusing is None else policies[: refusing + 1]
    reply = reply_of(finished)
    if refusing is None:
        assert (reply.status, reply.output) == ("completed", "hi")
    else:
        assert (reply.status, reply.output) == ("refused", f"p{refusing} says no")
        assert reply.error is not None
        assert reply.error.policy_name == f"p{refusing}"
    assert asked == [n for n, one in enumerate(reached) if one.says != "nothing" and not one.is_banned]
    checked = [event["context"]["policyName"] for event in events_of(finished, f"validate-{side}")]
    assert checked == [f"p{n}" for n in range(len(reached))]
    banned_now = {f"p{refusing}"} if refusing is not None and policies[refusing].bans else set()
    assert stage.session.banned == before | banned_now
    assert trace_of(finished).count("policy-bus ban-client") == len(banned_now - before)
