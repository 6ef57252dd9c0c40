"""Questions to models, without a turn around them."""

from worker import CompletionRequest, Message, ToolSpec


def question(*messages: Message, tools: tuple[str, ...] = ()) -> CompletionRequest:
    specs = [ToolSpec(name, "", {}) for name in tools]
    return CompletionRequest("alice", "support", "triage", "user", list(messages), specs)


def asked(text: str, *tools: str) -> CompletionRequest:
    return question(Message("user", text), tools=tools)
