"""A session's messages in the order that models' servers insist on."""

from collections.abc import Iterator, Mapping, Sequence

from worker.core.messages import Message


def in_order(messages: Sequence[Message]) -> Iterator[Message]:
    """Yield the messages with the outputs of tools right behind the message that called them.

    A tool may say or commit something before its output is committed, and the history keeps that order. Servers answer
    it with status 400, and so they do a call that has no output.
    """
    outputs = _outputs_of(messages)
    if not outputs:
        yield from messages
        return
    for at, message in enumerate(messages):
        if message.role == "tool":
            continue
        made = [call for call in message.tool_calls if (at, call.id) in outputs]
        if made or message.content or not message.tool_calls:
            yield message if len(made) == len(message.tool_calls) else message._replace(tool_calls=made)
        yield from (outputs[at, call.id] for call in made)


def _outputs_of(messages: Sequence[Message]) -> Mapping[tuple[int, str], Message]:
    """Return the outputs by the place of the message that called and the id of the call.

    Some models begin to number their calls afresh in each answer: an output belongs to the newest call of its id before
    it, or, where it was committed first, to the next one.
    """
    caller: dict[str, int] = {}
    early: dict[str, Message] = {}
    outputs: dict[tuple[int, str], Message] = {}
    for at, message in enumerate(messages):
        for call in message.tool_calls:
            caller[call.id] = at
            if call.id in early:
                outputs[at, call.id] = early.pop(call.id)
        if message.role == "tool":
            id_ = message.tool_call_id
            if id_ in caller:
                outputs[caller[id_], id_] = message
            else:
                early[id_] = message
    return outputs
