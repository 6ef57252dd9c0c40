"""Two agents: the desk looks orders up, refunds pays back; what may be paid back is decided by code, not by a model."""

import re

from examples.models import model_or
from examples.support.shop import Order, Shop
from worker import Agent, App, Policy, SessionInfo, Swarm, ToolCall, Turn, tool
from worker.completions import RuleCompletion

SHOP = Shop()
REFUND_WITHIN_DAYS = 30
REFUND_AT_MOST_CENTS = 10_000
CARD_NUMBER = re.compile(r"\b(?:\d[ -]?){13,19}\b")
#: what the demo asks when nobody is there to ask
SAMPLES = (
    "What have I ordered?",
    "Where is order 42?",
    "I want my money back for order 41",
    "I want my money back for order 41",
    "I want my money back for order 43",
    "My card is 4111 1111 1111 1111",
)


@tool
def list_orders(turn: Turn) -> str:
    """List the orders of the customer who is asking."""
    return "\n".join(_told(order) for order in SHOP.orders(turn.client_id)) or "You have no orders."


@tool
def order_status(turn: Turn, order_id: int) -> str:
    """Look up one order of the customer who is asking."""
    order = SHOP.order(turn.client_id, order_id)
    return _told(order) if order else f"You have no order {order_id}."


@tool
def refund(turn: Turn, order_id: int) -> str:
    """Pay an order back to the customer who is asking, if the rules of the shop allow it."""
    order = SHOP.order(turn.client_id, order_id)
    if order is None:
        return f"You have no order {order_id}."
    if order.age_days > REFUND_WITHIN_DAYS:
        return f"Order {order_id} is older than {REFUND_WITHIN_DAYS} days: it can't be paid back."
    if order.cents > REFUND_AT_MOST_CENTS:
        return f"Order {order_id} costs more than I may pay back. A colleague will call you."
    if not SHOP.refund(order, turn.idempotency_key("refund")):
        return f"Order {order_id} was paid back before."
    return f"You get {_euros(order)} for order {order_id} back."


def _told(order: Order) -> str:
    return f"Order {order.id}, {order.item}, {_euros(order)}, of {order.ordered_on}: {order.status}."


def _euros(order: Order) -> str:
    return f"{order.cents / 100:.2f} euros"


def has_no_card_number(message: str, session: SessionInfo) -> bool:
    """Tell whether a message is free of what looks like the number of a credit card."""
    del session
    return CARD_NUMBER.search(message) is None


MONEY_BACK = r"refund|money back|pay.* back"
ORDER_ID = r"\D*(\d{1,6})\b"
DESK = RuleCompletion(
    [
        (MONEY_BACK, ToolCall("", "transfer_to_refunds")),
        (rf"order{ORDER_ID}", ToolCall("", "order_status", {"order_id": r"\1"})),
        (r"order", ToolCall("", "list_orders")),
    ],
    otherwise="Ask me where an order is, what you have ordered, or for your money back.",
)
REFUNDS = RuleCompletion(
    [
        (rf"(?:{MONEY_BACK}){ORDER_ID}", ToolCall("", "refund", {"order_id": r"\1"})),
        (MONEY_BACK, "Which order shall I pay back?"),
        (r"what|where", ToolCall("", "transfer_to_desk")),
        (rf"^{ORDER_ID}", ToolCall("", "refund", {"order_id": r"\1"})),
    ],
    otherwise="This is refunds. Which order shall I pay back?",
)

desk = Agent(
    "desk",
    prompt="You answer customers of a shop. Look orders up with your tools, never guess. Refunds are a colleague's.",
    completion=model_or(DESK),
    tools=[list_orders, order_status],
    handoffs=["refunds"],
)
refunds = Agent(
    "refunds",
    prompt="You pay orders back, with the tool alone: it knows the rules. Anything else is the desk's.",
    completion=model_or(REFUNDS),
    tools=[refund],
    handoffs=["desk"],
)
no_card_numbers = Policy(
    "no_card_numbers",
    validate_input=has_no_card_number,
    ban_message="Please don't send the number of a card. We never need it.",
)
support = Swarm("support", agents=[desk, refunds], default_agent="desk", policies=[no_card_numbers])
app = App(swarms=[support])
