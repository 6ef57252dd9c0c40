"""The application that is measured: an echo agent behind one policy, and a slow one for the takeover."""

from datetime import timedelta

from worker import Agent, App, CompletionMessage, CompletionRequest, Policy, SessionInfo, Swarm
from worker.clock import sleep

ECHO = "bench"
SLOW = "bench-slow"
#: sessions that end by their TTL all the time
SOAKED = "bench-soaked"
#: takes as many waiting requests of one client as anybody sends
FLOODED = "bench-flooded"
PREFIX = "echo:"
LONGEST = 10_000
#: what a slow turn takes, in seconds
SLOW_TURN_S = 0.2


def is_short(message: str, _: SessionInfo) -> bool:
    """Let pass what the bench sends."""
    return len(message) < LONGEST


async def echo(request: CompletionRequest) -> CompletionMessage:
    """Answer with the newest user message."""
    return CompletionMessage(PREFIX + request.last_user_message())


async def echo_slowly(request: CompletionRequest) -> CompletionMessage:
    """Answer like `echo`, after as long as a slow turn takes."""
    await sleep(SLOW_TURN_S)
    return await echo(request)


POLICY = Policy("short", validate_input=is_short, ban_message="Too long.")


def _swarm(name: str, agent: Agent, *, max_mailbox: int = 1000, ttl: timedelta = timedelta(hours=1)) -> Swarm:
    return Swarm(
        name,
        agents=[agent],
        default_agent=agent.name,
        policies=[POLICY],
        session_ttl=ttl,
        bus="session",
        max_mailbox=max_mailbox,
    )


app = App(
    swarms=[
        _swarm(ECHO, Agent("echo", prompt="Repeat.", completion=echo)),
        _swarm(FLOODED, Agent("echo", prompt="Repeat.", completion=echo), max_mailbox=1_000_000),
        _swarm(SOAKED, Agent("echo", prompt="Repeat.", completion=echo), ttl=timedelta(seconds=5)),
        _swarm(SLOW, Agent("slow", prompt="Repeat slowly.", completion=echo_slowly)),
    ]
)
