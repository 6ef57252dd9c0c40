"""The support swarm of the demo: three agents, one tool, hand-offs by rules, one policy; no key and no network."""

import re
from datetime import timedelta

from worker import Agent, App, CompletionMessage, CompletionRequest, Policy, SessionInfo, Swarm, ToolCall, tool
from worker.clock import sleep
from worker.completions import RuleCompletion

REFUND = r"refund|money back|return|broken"
RUDE = re.compile(r"\b(damn|idiot|stupid|shit)", re.IGNORECASE)
THINKING_S = 0.4
#: asked when standard input is empty, so that `make demo` shows something anywhere
SAMPLES = ("Hello", "Where is order 42?", "I want my money back for order 42", "You stupid machine")

TO_SALES = ToolCall("", "transfer_to_sales")
TO_REFUNDS = ToolCall("", "transfer_to_refunds")


@tool
async def order_status(order_id: int) -> str:
    """Look up where an order is."""
    places = ("is packed and leaves today", "is on its way", "was handed over to your neighbour")
    return f"Order {order_id} {places[order_id % len(places)]}."


def look_up(match: re.Match[str]) -> ToolCall:
    """Return the call of the tool for the order number that was found."""
    return ToolCall("", order_status.name, {"order_id": int(match[1])})


def is_polite(message: str, _: SessionInfo) -> bool:
    """Tell whether a message is free of rude words."""
    return RUDE.search(message) is None


class Thinking:
    """A rule completion that takes its time, as a model does."""

    def __init__(self, rules: RuleCompletion, seconds: float) -> None:
        """Answer by `rules`, `seconds` later."""
        self._rules = rules
        self._seconds = seconds

    async def complete(self, request: CompletionRequest) -> CompletionMessage:
        """Think, then answer."""
        await sleep(self._seconds)
        return await self._rules.complete(request)


TRIAGE = RuleCompletion(
    [
        (REFUND, TO_REFUNDS),
        (r"order|parcel|price|cost|buy", TO_SALES),
        (r"^\W*(hi|hello|hey|good (morning|evening))\b", "Hello! Ask me where an order is, or for your money back."),
    ],
    otherwise='I can pass you on: to sales ("Where is order 42?") or to refunds ("I want my money back for order 42").',
)
SALES = RuleCompletion(
    [
        (REFUND, TO_REFUNDS),
        (r"(?:order|parcel)\D*(\d{1,9})", look_up),
        (r"order|parcel", "Which number has your order?"),
        (r"price|cost|buy", "A parcel costs 5 euros, whatever is in it."),
    ],
    otherwise="This is sales. Tell me the number of your order, and I look it up.",
)
REFUNDS = RuleCompletion(
    [
        (rf"(?:{REFUND})\D*(\d{{1,9}})", r"Noted: you get your money for order \1 back within three days."),
        (REFUND, "Which order shall I refund?"),
        (r"where|status|price|cost|buy", TO_SALES),
        (r"(\d{1,9})", r"Noted: you get your money for order \1 back within three days."),
    ],
    otherwise="This is refunds. Which order shall I refund?",
)


def support(*, thinking_s: float = 0.0) -> Swarm:
    """Return the swarm; each answer of an agent takes `thinking_s` seconds."""

    def thought(rules: RuleCompletion) -> RuleCompletion | Thinking:
        return Thinking(rules, thinking_s) if thinking_s else rules

    return Swarm(
        "support",
        agents=[
            Agent(
                "triage",
                prompt="Send the customer to the right colleague.",
                completion=thought(TRIAGE),
                handoffs=["sales", "refunds"],
            ),
            Agent(
                "sales",
                prompt="Answer questions about orders.",
                completion=thought(SALES),
                tools=[order_status],
                handoffs=["refunds"],
            ),
            Agent("refunds", prompt="Arrange refunds.", completion=thought(REFUNDS), handoffs=["sales"]),
        ],
        default_agent="triage",
        policies=[Policy("polite", validate_input=is_polite, ban_message="Please stay polite.")],
        session_ttl=timedelta(minutes=30),
    )


app = App(swarms=[support()])
#: leaves time to kill a worker while it thinks
slow_app = App(swarms=[support(thinking_s=THINKING_S)])
