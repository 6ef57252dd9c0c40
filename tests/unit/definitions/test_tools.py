"""A tool is a function with a schema from its signature."""

from collections.abc import Callable
from typing import Annotated, Literal

import pytest
from pydantic import Field

from worker import Agent, DefinitionError, Turn, tool
from worker.completions import EchoCompletion


class Socket:
    """Something that no model can write."""


@tool
async def order_status(turn: Turn, order_id: int, *, verbose: bool = False) -> str:
    """Look up where an order is."""
    return f"{turn.client_id} {order_id} {verbose}"


@tool(name="greet", description="Say hello.", timeout_s=3)
def hello(name: Annotated[str, Field(max_length=10)], tone: Literal["warm", "cold"] = "warm") -> str:
    return f"{tone} hello, {name}"


def test_name_and_description_come_from_the_function() -> None:
    assert (order_status.name, order_status.description) == ("order_status", "Look up where an order is.")
    assert (hello.name, hello.description, hello.timeout_s) == ("greet", "Say hello.", 3)


def test_the_schema_has_the_arguments_but_not_the_turn() -> None:
    assert set(order_status.parameters["properties"]) == {"order_id", "verbose"}  # type: ignore[arg-type]
    assert order_status.parameters["required"] == ["order_id"]
    assert order_status.turn_parameter == "turn"


def test_annotations_become_constraints() -> None:
    properties = hello.parameters["properties"]
    assert properties["name"]["maxLength"] == 10  # type: ignore[index, call-overload]
    assert properties["tone"]["enum"] == ["warm", "cold"]  # type: ignore[index, call-overload]
    assert hello.turn_parameter == ""


def test_parameters_without_a_json_schema_are_refused_when_the_tool_is_made() -> None:
    def odd(callback: Callable[[], None], socket: Socket) -> str:
        return f"{callback} {socket}"

    with pytest.raises(DefinitionError, match="tool 'odd'"):
        tool(odd)


def hidden(_inner: str) -> str:
    return _inner


def reserved(model_config: str) -> str:
    return model_config


@pytest.mark.parametrize("function", [hidden, reserved])
def test_a_parameter_that_no_model_can_be_shown_is_refused_when_the_tool_is_made(
    function: Callable[[str], str],
) -> None:
    with pytest.raises(DefinitionError, match=f"tool '{function.__name__}'.*can't be shown to a model"):
        tool(function)


def test_a_parameter_may_be_called_like_a_method_of_pydantic() -> None:
    def fine(schema: str, json: str, copy: str) -> str:
        return schema + json + copy

    given, model = {"schema": "a", "json": "b", "copy": "c"}, tool(fine).arguments_model
    assert model is not None
    assert {name: getattr(model.model_validate(given), name) for name in given} == given


def test_annotations_that_do_not_exist_and_what_is_no_function_are_refused_when_the_tool_is_made() -> None:
    def odd(turn: "Nobody") -> str:  # type: ignore[name-defined] # noqa: F821
        return str(turn)

    with pytest.raises(DefinitionError, match=r"tool 'odd'.*'Nobody' is not defined"):
        tool(odd)
    with pytest.raises(DefinitionError, match="not of 5"):
        tool(5)  # type: ignore[call-overload]


def test_sync_and_async_functions_are_told_apart() -> None:
    assert order_status.is_async
    assert not hello.is_async


def test_a_tool_can_still_be_called_like_its_function() -> None:
    assert hello("Ann", tone="cold") == "cold hello, Ann"


def test_a_hand_off_gives_a_navigation_tool_that_comes_first() -> None:
    triage = Agent("triage", completion=EchoCompletion(), tools=[hello], handoffs=["sales"])
    offer = triage.fixed_offer
    assert offer is not None
    assert [spec.name for spec in offer.specs] == ["transfer_to_sales", "greet"]
    assert offer.navigation == {"transfer_to_sales"}


def test_of_two_tools_with_one_name_the_model_sees_the_first() -> None:
    other = tool(name="greet")(lambda: "other")
    offer = Agent("a", completion=EchoCompletion(), tools=[hello, other]).fixed_offer
    assert offer is not None
    assert offer.tools["greet"] is hello
    assert len(offer.specs) == 1
