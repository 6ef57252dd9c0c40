"""Messages in the order that models' servers insist on."""

from worker import Message, ToolCall
from worker.completions.conversation import in_order


def calls(*ids: str) -> Message:
    return Message("assistant", "", tool_calls=tuple(ToolCall(id_, "ping") for id_ in ids))


def output(id_: str) -> Message:
    return Message("tool", f"pong {id_}", tool_call_id=id_)


USER = Message("user", "hi")


def test_a_conversation_without_tools_stays_as_it_is() -> None:
    assert list(in_order([USER, Message("assistant", "hello")])) == [USER, Message("assistant", "hello")]


def test_outputs_stand_right_behind_their_calls_in_the_order_of_the_calls() -> None:
    given = [USER, calls("a", "b"), output("b"), USER, output("a"), USER]
    assert list(in_order(given)) == [USER, calls("a", "b"), output("a"), output("b"), USER, USER]


def test_an_output_without_its_call_is_left_out() -> None:
    assert list(in_order([USER, output("a")])) == [USER]
