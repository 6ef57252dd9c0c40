"""The checker on evidence made by hand: a clean run has no finding, and each broken promise has its own."""

from collections.abc import Callable
from typing import Any

import pytest

from worker.simulate.chain import Link
from worker.simulate.checks import check
from worker.simulate.evidence import Evidence, Execution, Sent

SECOND = 1_000_000
START_US = 1_700_000_000 * SECOND


def reply_of(evidence: Evidence, name: str, number: int, link: Link) -> dict[str, Any]:
    at_us = evidence.sent[name].taken_us + SECOND // 2
    reply = {"requestId": name, "status": "completed", "output": link.text, "seq": at_us, "turn": number}
    times = {"acceptedAtMs": evidence.sent[name].taken_us // 1000, "finishedAtMs": at_us // 1000}
    return {**reply, **times, "type": "reply", "attempts": 1, "error": None}


def clean_run() -> Evidence:
    """Return the evidence of three requests in one session, one second apart."""
    evidence, state = Evidence(), ""
    for number in (1, 2, 3):
        name, at_us = f"r{number}", START_US + number * SECOND
        evidence.sent[name] = Sent(name, "chain:alice", "execute", f"say 0 {name}", at_us, at_us + 1000)
        evidence.executions[name].append(Execution(at_us + 2000, name, "answer", 0, f"1.{number}"))
        link = Link.after(state, evidence.sent[name].message, f"1.{number}")
        state = link.state
        evidence.results[name] = reply_of(evidence, name, number, link)
        evidence.heard[name].append(evidence.results[name])
        evidence.commits[name] += 1
    evidence.outboxes["chain:alice"] = list(evidence.results.values())
    evidence.followed["chain:alice"] = [reply["seq"] for reply in evidence.results.values()]
    evidence.rubbish.add("rubbish-1")
    evidence.buried["rubbish-1"] = 1
    return evidence


def lose(evidence: Evidence) -> None:
    evidence.sent["r4"] = Sent("r4", "chain:bob", "execute", "say 0 r4", START_US, START_US + 1)


def commit_twice(evidence: Evidence) -> None:
    evidence.commits["r1"] += 1


def answer_twice(evidence: Evidence) -> None:
    evidence.heard["r1"].append(evidence.heard["r1"][0])


def answer_otherwise(evidence: Evidence) -> None:
    evidence.heard["r1"] = [evidence.results["r1"] | {"output": "something else"}]


def swap(evidence: Evidence) -> None:
    first, second = evidence.results["r1"], evidence.results["r2"]
    first["seq"], second["seq"] = second["seq"], first["seq"]


def forget_a_turn(evidence: Evidence) -> None:
    link = Link.after("", evidence.sent["r3"].message, "1.3")
    evidence.results["r3"]["output"] = link.text


def count_a_turn_twice(evidence: Evidence) -> None:
    evidence.results["r3"]["turn"] = 4


def begin_again_elsewhere(evidence: Evidence) -> None:
    at_us = evidence.results["r2"]["seq"] - SECOND // 10
    evidence.executions["r2"].append(Execution(at_us, "r2", "answer", 0, "2.1"))


def repeat_a_recorded_step(evidence: Evidence) -> None:
    for at_us, step, attempt in ((1, "first", 1), (2, "second", 1), (3, "first", 2)):
        evidence.executions["r1"].append(Execution(at_us, "r1", step, attempt, "3.1"))  # type: ignore[arg-type]


def charge(evidence: Evidence) -> None:
    evidence.results["r1"]["attempts"] = 2


def fail(evidence: Evidence) -> None:
    evidence.results["r3"] |= {"status": "failed", "error": {"code": "agent_error"}, "output": ""}


def survive_poison(evidence: Evidence) -> None:
    evidence.sent["p"] = Sent("p", "victim:v", "execute", "poison 0 p", START_US, START_US + 1)
    link = Link.after("", "poison 0 p", "1.9")
    evidence.results["p"] = reply_of(evidence, "p", 1, link)


def bury_rubbish_twice(evidence: Evidence) -> None:
    evidence.buried["rubbish-1"] = 2


def dispose_too_early(evidence: Evidence) -> None:
    for one in evidence.sent.values():
        one.sid = "short:alice"
    evidence.disposals["short:alice"].append((evidence.sent["r2"].taken_us + 600_000, "~ttl-1"))
    evidence.results["r2"] = reply_of(evidence, "r2", 1, Link.after("", "say 0 r2", "1.2"))
    evidence.results["r2"]["seq"] += SECOND
    evidence.results["r3"]["seq"] += SECOND


def skip_an_item(evidence: Evidence) -> None:
    evidence.followed["chain:alice"].pop(1)


def give_nothing_to_a_follower(evidence: Evidence) -> None:
    evidence.followed.clear()
    evidence.read([{"at_us": START_US, "type": "invoke", "op": "follow", "sid": "chain:alice"}])


def leave_a_key(evidence: Evidence) -> None:
    evidence.leftovers.append("swarmline:{0}:journal:chain:alice: left behind")


def test_a_clean_run_has_no_finding() -> None:
    assert check(clean_run()) == []


@pytest.mark.parametrize(
    ("harm", "promise"),
    [
        (lose, "lost"),
        (commit_twice, "doubled"),
        (answer_twice, "doubled"),
        (answer_otherwise, "doubled"),
        (swap, "order"),
        (forget_a_turn, "state"),
        (count_a_turn_twice, "state"),
        (begin_again_elsewhere, "stale"),
        (repeat_a_recorded_step, "journal"),
        (charge, "attempts"),
        (fail, "status"),
        (survive_poison, "poison"),
        (bury_rubbish_twice, "rubbish"),
        (dispose_too_early, "disposal"),
        (skip_an_item, "outbox"),
        (give_nothing_to_a_follower, "outbox"),
        (leave_a_key, "leftovers"),
    ],
)
def test_the_checker_finds_a_broken_promise(harm: Callable[[Evidence], None], promise: str) -> None:
    evidence = clean_run()
    harm(evidence)
    assert promise in {finding.promise for finding in check(evidence)}


def test_requests_sent_at_the_same_time_may_be_committed_in_any_order() -> None:
    evidence = clean_run()
    evidence.sent["r1"].taken_us = evidence.sent["r2"].invoked_us + 1
    swap(evidence)
    assert "order" not in {finding.promise for finding in check(evidence)}


def test_a_charge_is_no_finding_when_a_worker_was_killed() -> None:
    evidence = clean_run()
    evidence.faults["kill"] = 1
    charge(evidence)
    assert check(evidence) == []


def test_a_charge_is_no_finding_when_a_worker_got_no_processor_for_as_long_as_it_takes_to_lose_a_lease() -> None:
    evidence = clean_run()
    charge(evidence)
    evidence.read([{"at_us": START_US, "type": "ok", "op": "late", "seconds": evidence.lease_s / 3}])
    assert {finding.promise for finding in check(evidence)} == {"attempts"}
    evidence.read([{"at_us": START_US, "type": "ok", "op": "late", "seconds": evidence.lease_s}])
    assert check(evidence) == []


def test_confirmed_writes_may_be_lost_at_a_failover_and_stale_commits_may_not_happen() -> None:
    evidence = clean_run()
    evidence.faults["failover"] = 1
    lose(evidence)
    assert check(evidence) == []
    begin_again_elsewhere(evidence)
    assert {finding.promise for finding in check(evidence)} == {"stale"}
