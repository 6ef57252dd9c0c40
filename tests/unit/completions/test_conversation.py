"""Messages in the order that models' servers insist on."""

from worker import Message, ToolCall
from worker.completions.conversation import in_order


def calls(*ids: str) -> Message:
    return Message("assistant", "", tool_calls=tuple(ToolCall(id_, "ping") for id_ in ids))


def output(id_: str, text: str = "pong") -> Message:
    return Message("tool", f"{text} {id_}", tool_call_id=id_)


USER = Message("user", "hi")


def test_a_conversation_without_tools_stays_as_it_is() -> None:
    assert list(in_order([USER, Message("assistant", "hello")])) == [USER, Message("assistant", "hello")]


def test_outputs_stand_right_behind_their_calls_in_the_order_of_the_calls() -> None:
    given = [USER, calls("a", "b"), output("b"), USER, output("a"), USER]
    assert list(in_order(given)) == [USER, calls("a", "b"), output("a"), output("b"), USER, USER]


def test_an_output_without_its_call_is_left_out() -> None:
    assert list(in_order([USER, calls("b"), output("b"), output("a")])) == [USER, calls("b"), output("b")]


def test_an_output_that_was_committed_before_its_call_stands_behind_it() -> None:
    assert list(in_order([output("a"), USER, calls("a")])) == [USER, calls("a"), output("a")]


def test_calls_that_are_numbered_afresh_in_each_answer_keep_their_own_outputs() -> None:
    first, second = [calls("0"), output("0", "first")], [calls("0"), USER, output("0", "second")]
    assert list(in_order([*first, *second])) == [*first, calls("0"), output("0", "second"), USER]


def test_a_call_that_has_no_output_of_its_own_is_left_out() -> None:
    said = Message("assistant", "let me see", tool_calls=(ToolCall("0", "ping"), ToolCall("1", "ping")))
    given = [calls("0"), USER, said, output("1"), calls("0"), output("0")]
    assert list(in_order(given)) == [USER, said._replace(tool_calls=[said.tool_calls[1]]), *given[3:]]
