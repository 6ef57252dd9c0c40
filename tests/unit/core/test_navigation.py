"""Where going back leads (spec, section 6.2; decisions D12 and D17)."""

from hypothesis import given
from hypothesis import strategies as st

from worker.core.navigation import WayBack, gone_to, way_back

stacks = st.lists(st.sampled_from("abcd"), max_size=10)


@given(stacks, st.sampled_from("abcd"), st.integers(1, 5))
def test_the_stack_never_outgrows_its_limit_and_ends_with_the_newest(stack: list[str], agent: str, most: int) -> None:
    grown = gone_to(stack, agent, most)
    assert len(grown) <= most
    assert grown[-1] == agent


@given(stacks, st.sampled_from("abcd"))
def test_going_back_never_changes_the_stack_it_was_asked_about(stack: list[str], active: str) -> None:
    before = list(stack)
    way_back(stack, active, "a")
    assert stack == before


@given(stacks, st.sampled_from("abcd"))
def test_going_back_always_leads_elsewhere(stack: list[str], active: str) -> None:
    way = way_back(stack, active, "a")
    assert way is None or way.target != active


def test_going_back_from_the_third_agent_leads_to_the_second() -> None:
    assert way_back(["sales", "refunds"], "refunds", "triage") == WayBack("sales", [])


def test_an_empty_stack_leads_to_the_default_agent() -> None:
    assert way_back(["sales"], "sales", "triage") == WayBack("triage", [])


def test_the_default_agent_has_no_way_back() -> None:
    assert way_back([], "triage", "triage") is None
