"""Three agents that hand a client to each other; a state of the session remembers where the client has been."""

from examples.models import model_or
from worker import Agent, App, State, Swarm, SwarmCallbacks, ToolCall, Turn, tool
from worker.completions import RuleCompletion

#: what the demo asks when nobody is there to ask
SAMPLES = (
    "My invoice is wrong",
    "It says 12 euros too much",
    "And my router blinks red",
    "Thanks, that is all",
    "Thanks, that is all",
    "Where have I been?",
)


@tool
async def hand_back(turn: Turn) -> None:
    """Give the client back to the colleague who had them before."""
    if not await turn.change_to_prev_agent():
        await turn.change_to_default_agent()


@tool
async def where_have_i_been(turn: Turn) -> str:
    """List the colleagues that the client was handed to, in order."""
    visited = await turn.state("visited").get()
    return f"You were with: {', '.join(map(str, visited))}." if isinstance(visited, list) and visited else "Only here."


async def note_visit(turn: Turn, agent_name: str) -> None:
    """Remember who the client was handed to."""
    await turn.state("visited").set(lambda visited: [*(visited if isinstance(visited, list) else []), agent_name])


TO_BILLING = ToolCall("", "transfer_to_billing")
TO_TECHNICIAN = ToolCall("", "transfer_to_technician")
HAND_BACK = ToolCall("", hand_back.name)
MONEY = r"invoice|bill|euro|pay"
DEVICE = r"router|blink|internet|cable|slow"
DONE = r"thank|that is all|bye"

TRIAGE = RuleCompletion(
    [
        (MONEY, TO_BILLING),
        (DEVICE, TO_TECHNICIAN),
        (r"where have i been", ToolCall("", where_have_i_been.name)),
        (DONE, "You are welcome. Anything else?"),
    ],
    otherwise="Is it about money, or does something not work?",
)
BILLING = RuleCompletion(
    [
        (DEVICE, TO_TECHNICIAN),
        (DONE, HAND_BACK),
        (r"(\d+) euros?", r"I have noted it: you get \1 euros back with the next invoice."),
    ],
    otherwise="This is billing. What is wrong with your invoice?",
)
TECHNICIAN = RuleCompletion(
    [
        (MONEY, TO_BILLING),
        (DONE, HAND_BACK),
        (r"red", "Red means no line. Unplug the router for ten seconds, please."),
    ],
    otherwise="This is the technician. What does the router show?",
)

triage = Agent(
    "triage",
    prompt="Find out what it is about and hand the client over. Don't solve anything yourself.",
    completion=model_or(TRIAGE),
    tools=[where_have_i_been],
    handoffs=["billing", "technician"],
)
billing = Agent(
    "billing",
    prompt="You answer questions about invoices. When the client is done, hand back.",
    completion=model_or(BILLING),
    tools=[hand_back],
    handoffs=["technician"],
)
technician = Agent(
    "technician",
    prompt="You help with routers. When the client is done, hand back.",
    completion=model_or(TECHNICIAN),
    tools=[hand_back],
    handoffs=["billing"],
)
helpdesk = Swarm(
    "helpdesk",
    agents=[triage, billing, technician],
    default_agent="triage",
    states=[State("visited", default=[])],
    callbacks=SwarmCallbacks(on_agent_changed=note_visit),
)
app = App(swarms=[helpdesk])
