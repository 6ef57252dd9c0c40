"""How much is measured: the full bench, and one that is over within a minute."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Counts of one bench; every figure but the memory is a median over `rounds`."""

    rounds: int
    sessions: int
    alone: int  # requests at one in flight
    hundred: int  # requests at 100 in flight
    thousand: int  # requests at 1,000 in flight
    hot: int  # requests to one hot session
    backlog: int  # requests that are enqueued, then drained
    drains: int
    idle_sessions: int  # sessions with one turn each whose memory is weighed
    few_live: int
    many_live: int
    history_sessions: int
    long_history: int  # records, two a turn
    takeovers: int


FULL = Plan(
    rounds=5,
    sessions=1_000,
    alone=1_000,
    hundred=10_000,
    thousand=20_000,
    hot=3_000,
    backlog=50_000,
    drains=3,
    idle_sessions=10_000,
    few_live=1_000,
    many_live=200_000,
    history_sessions=100,
    long_history=1_000,
    takeovers=3,
)

QUICK = Plan(
    rounds=2,
    sessions=1_000,
    alone=300,
    hundred=4_000,
    thousand=8_000,
    hot=1_000,
    backlog=10_000,
    drains=1,
    idle_sessions=2_000,
    few_live=1_000,
    many_live=20_000,
    history_sessions=40,
    long_history=1_000,
    takeovers=1,
)
