"""A session's messages in the order that models' servers insist on."""

from collections.abc import Iterator, Sequence

from worker.core.messages import Message


def in_order(messages: Sequence[Message]) -> Iterator[Message]:
    """Yield the messages with the outputs of tools right behind the message that called them.

    A tool may say or commit something before its output is committed, and the history keeps that order. Servers answer
    it with status 400.
    """
    outputs = {message.tool_call_id: message for message in messages if message.role == "tool"}
    if not outputs:
        yield from messages
        return
    for message in messages:
        if message.role != "tool":
            yield message
            yield from (outputs.pop(call.id) for call in message.tool_calls if call.id in outputs)
