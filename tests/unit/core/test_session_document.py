"""What is stored of a session, and what a rollback brings back."""

import json

from hypothesis import given
from hypothesis import strategies as st

from worker.core.session import Session

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(st.text(max_size=6), values, max_size=3)


def fresh(document: bytes = b"") -> Session:
    return Session.load(
        client_id="alice",
        swarm_name="support",
        default_agent="triage",
        turn=3,
        document=document,
        history=[b'{"role":"user"}'],
        banned=set(),
    )


def test_a_session_with_nothing_special_has_an_empty_document() -> None:
    assert fresh().document() == ""


texts = st.lists(st.text(max_size=5), max_size=4)


@given(st.sampled_from(["triage", "sales"]), texts, objects, objects, texts, texts)
def test_a_document_reads_back_as_the_session_it_was(
    active: str,
    stack: list[str],
    states: dict[str, object],
    memory: dict[str, object],
    system: list[str],
    older: list[str],
) -> None:
    session = fresh()
    session.restore((active, stack, states, memory, system, older, {"r-1/1": {"answer": "yes"}}))  # type: ignore[arg-type]
    again = fresh(session.document().encode())
    assert again.snapshot() == session.snapshot()


def test_the_document_uses_the_keys_of_the_protocol() -> None:
    session = fresh()
    session.restore(("sales", ["sales"], {"count": 1}, {"mood": "good"}, ["{}"], ["{ }"], {}))
    assert json.loads(session.document()) == {
        "activeAgent": "sales",
        "stack": ["sales"],
        "states": {"count": 1},
        "memory": {"mood": "good"},
        "system": ["{}"],
        "older": ["{ }"],
    }


def test_a_snapshot_tells_whether_anything_changed_and_brings_it_back() -> None:
    session = fresh()
    before = session.snapshot()
    assert not session.differs_from(before)
    session.states = {**session.states, "count": 1}
    assert session.differs_from(before)
    session.restore(before)
    assert not session.differs_from(before)
    assert session.states == {}


def test_system_and_older_records_outlive_the_window_and_are_shown_once() -> None:
    session = fresh()
    session.system = ["old", "in the window", "new"]
    session.history = [b"in the window", "said"]
    assert session.shown_history(["new"]) == ["old", b"in the window", "said"]
    session.older = ["said before"]
    assert session.shown_history(["new"]) == ["old", "said before", b"in the window", "said"]
    session.system, session.older = [], []
    assert session.shown_history([]) is session.history


def test_reading_an_empty_document_resets_the_session() -> None:
    session = fresh(b'{"activeAgent":"sales","stack":["sales"]}')
    session.read("")
    assert session.active_agent == "triage"
    assert session.document() == ""


def test_a_session_remembers_the_newest_records_and_knows_their_size() -> None:
    session = Session(client_id="alice", swarm_name="support", default_agent="triage")
    session.remember(["one", "three"], window=3)
    session.remember(["seven", "eleven"], window=3)
    assert session.history == ["three", "seven", "eleven"]
    assert session.history_size == len("threeseveneleven")
    session.remember(["a", "b", "c", "d"], window=3)
    assert (session.history, session.history_size) == (["b", "c", "d"], 3)


def test_records_that_come_later_change_no_history_that_was_looked_at() -> None:
    session = Session(client_id="alice", swarm_name="support", default_agent="triage")
    session.remember(["one"], window=2)
    seen = session.history
    session.remember(["two", "three"], window=2)
    assert seen == ["one"]
