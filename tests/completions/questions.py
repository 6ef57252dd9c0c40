"""Questions to models, with tools and with a place for what is streamed."""

from collections.abc import Callable, Sequence

from worker import CompletionRequest, Message, ToolSpec
from worker.definitions.completion import drop_delta

ORDER_STATUS = ToolSpec(
    "order_status",
    "Look up where an order is.",
    {"type": "object", "properties": {"order_id": {"type": "integer"}}, "required": ["order_id"]},
)
WHERE = Message("user", "Where is order 42?", "sales", "user")


def question(
    *messages: Message, tools: Sequence[ToolSpec] = (), emit_delta: Callable[[str], None] = drop_delta
) -> CompletionRequest:
    return CompletionRequest("alice", "support", "sales", "user", messages or (WHERE,), tools, emit_delta)
