"""A machine answers what it knows and hands the rest to a human; all clients together count how often."""

from examples.models import model_or
from worker import Agent, App, Operator, State, Swarm, SwarmCallbacks, ToolCall, Turn
from worker.completions import RuleCompletion

#: what the demo asks when nobody is there to ask; nobody sits at the desk there, so the last answer stays empty
SAMPLES = ("When are you open?", "Do you sell gift cards?", "I want to talk to a human")
DESK_TIMEOUT_S = 60


async def count_call(turn: Turn, agent_name: str) -> None:
    """Count how often a human was needed, over all clients."""
    if agent_name == "human":
        await turn.state("calls").set(lambda calls: calls + 1 if isinstance(calls, int) else 1)


MACHINE = RuleCompletion(
    [
        (r"open", "We are open from nine to five."),
        (r"gift", "We do, from 10 euros."),
        (r"human|person|complain", ToolCall("", "transfer_to_human")),
    ],
    otherwise="I know our opening hours and our gift cards. For anything else ask for a human.",
)

machine = Agent(
    "machine",
    prompt="Answer short questions about the shop: open from nine to five, gift cards from 10 euros. "
    "For anything else hand over to a human.",
    completion=model_or(MACHINE),
    handoffs=["human"],
)
human = Agent("human", operator=Operator(timeout_s=DESK_TIMEOUT_S))
shop = Swarm(
    "shop",
    agents=[machine, human],
    default_agent="machine",
    states=[State("calls", default=0, shared=True)],
    callbacks=SwarmCallbacks(on_agent_changed=count_call),
)
app = App(swarms=[shop])
