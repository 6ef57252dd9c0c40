"""How figures are worded, and what is made of totals."""

import pytest

from worker.core.cluster_sample import ClusterSample
from worker.core.seen import Flow
from worker.top.trend import Trend
from worker.top.view import Mood, Pane, View, advice, headline, mood
from worker.top.words import count, duration, printable, rate, share

QUIET = ClusterSample(
    stream_length=0, stream_lag=0, oldest_waiting_s=0, workers_live=3,
    sessions_active=0, held=0, ready=0, delayed=0, dead=0,
)  # fmt: skip


def flow(admitted: int, committed: int | None, *endings: tuple[int, str]) -> Flow:
    return Flow(admitted=admitted, committed=committed, last_entry_id="", endings=endings)


def view(**changes: object) -> View:
    sample = {name: getattr(QUIET, name) for name in QUIET.__slots__} | changes
    return View(pane=Pane.OVERVIEW, now_ms=0, namespace="swarmline", shards=[ClusterSample(**sample)], trend=Trend())  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("ms", "worded"),
    [
        (-5, "0.0 s"), (449, "0.4 s"), (12_300, "12 s"), (61_000, "1 min"), (3_599_999, "59 min"), (7_300_000, "2 h"),
        (86_400_000 * 3, "3 d"),
    ],
)  # fmt: skip
def test_a_duration_has_one_unit(ms: float, worded: str) -> None:
    assert duration(ms) == worded


def test_figures_are_short_and_say_when_they_are_not_known() -> None:
    assert [rate(value) for value in (None, 0, 0.44, 12.3, 4321)] == ["-", "0/s", "0.4/s", "12/s", "4,321/s"]
    assert [share(value) for value in (None, 0, 0.002, 0.25)] == ["-", "0 %", "0.2 %", "25 %"]
    assert [count(number, "worker") for number in (0, 1, 2)] == ["0 workers", "1 worker", "2 workers"]


def test_what_steers_a_terminal_is_spelled_out() -> None:
    joined = "naïve 漢字 \U0001f468\u200d\U0001f469"
    assert printable(joined) == joined
    assert printable("a\x1b[2J\nb\x9bc\u202ed\ud800") == r"a\x1b[2J\nb\x9bc\u202ed\ud800"


def test_rates_come_from_what_totals_have_risen_by() -> None:
    trend = Trend()
    trend.add(1_000, QUIET, [flow(10, 5), flow(10, None)])
    assert trend.admitted_per_s is None
    trend.add(3_000, QUIET, [flow(20, 25), flow(20, None)])
    assert (trend.admitted_per_s, trend.turns_per_s) == (10.0, 10.0)


def test_a_flush_of_redis_is_no_negative_rate() -> None:
    trend = Trend()
    trend.add(1_000, QUIET, [flow(10, 5)])
    trend.add(2_000, QUIET, [flow(0, None)])
    assert (trend.admitted_per_s, trend.turns_per_s) == (0.0, None)


def test_errors_are_a_share_of_the_turns_of_the_last_minute() -> None:
    trend = Trend()
    trend.add(100_000, QUIET, [flow(0, 0, (39_999, "failed"), (50_000, "completed"), (60_000, "failed"))])
    assert trend.failed_share == 0.5
    trend.add(115_000, QUIET, [flow(0, 0)])
    assert trend.failed_share == 1.0
    trend.add(170_000, QUIET, [flow(0, 0)])
    assert trend.failed_share == 0


def test_the_headline_answers_how_it_goes() -> None:
    shown = view(oldest_waiting_s=0.4)
    shown.trend.add(1_000, QUIET, [flow(0, 0)])
    shown.trend.add(2_000, QUIET, [flow(120, 118, *[(2_000, "completed")] * 499, (2_000, "failed"))])
    assert headline(shown) == "3 workers consuming · oldest waiting 0.4 s · 120/s in · 118/s done · errors 0.2 %"
    assert mood(shown) is Mood.GOOD
    assert advice(shown) == ["Nothing needs attention."]


@pytest.mark.parametrize(
    ("changes", "expected", "told"),
    [
        ({"workers_live": 0}, Mood.WORRY, "Nobody consumes. Start a worker"),
        ({"workers_live": 0, "stream_lag": 7}, Mood.BAD, "7 requests or more wait"),
        ({"oldest_waiting_s": 12.0, "held": 5}, Mood.WORRY, "add workers"),
        ({"oldest_waiting_s": 90.0}, Mood.BAD, "does a worker serve their swarm"),
        ({"stream_lag": None}, Mood.GOOD, "somebody deleted entries"),
        ({"delayed": 2}, Mood.GOOD, "2 sessions set aside"),
    ],
)
def test_what_is_wrong_comes_with_what_to_do(changes: dict[str, object], expected: Mood, told: str) -> None:
    shown = view(**changes)
    assert mood(shown) is expected
    assert told in advice(shown)[0]
