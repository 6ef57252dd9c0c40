"""The figures of a run."""

from worker.simulate.evidence import Evidence
from worker.simulate.report import figures_of

SECOND = 1_000_000


def test_the_wait_after_redis_came_back_is_the_longest_until_the_next_commit() -> None:
    evidence = Evidence()
    evidence.read([{"at_us": at * SECOND, "type": "ok", "op": "fault", "kind": "redis-kill"} for at in (10, 20, 90)])
    for name, seq in (("r1", 9 * SECOND), ("r2", 10 * SECOND + 500_000), ("r3", 21 * SECOND)):
        evidence.read(
            [{"at_us": 0, "type": "invoke", "op": "send", "id": name, "sid": "s:a", "kind": "x", "message": ""}]
        )
        evidence.results[name] = {"seq": seq, "finishedAtMs": seq // 1000, "attempts": 1, "error": None}
    assert figures_of(evidence)["back after Redis s"] == 1.0
