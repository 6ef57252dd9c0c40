"""What one plain echo turn costs in the worker's own code: `python -m tests.benchmarks.turn_cost`."""

import asyncio
import json
import sys
from time import perf_counter

from worker import Agent, Policy, SessionInfo, Swarm
from worker.completions import EchoCompletion
from worker.core.request import AdmittedRequest
from worker.core.session import Session
from worker.observe.metrics import Metrics
from worker.turn.corridor import open_turn, take_turn
from worker.turn.port import OpenTurn

TURNS = 20_000
ROUNDS = 5


class SilentPort:
    """A lane that has nothing to do."""

    metrics = Metrics()

    async def flush(self, turn: OpenTurn) -> None:
        """Send nothing."""

    async def permit(self, turn: OpenTurn) -> None:
        """Permit everything."""

    async def fresh(self, turn: OpenTurn) -> None:
        """Have a fresh lease."""

    def now_ms(self) -> int:
        """Stand still."""
        return 1_795_365_314_230

    def publish_delta(self, turn: OpenTurn, text: str) -> None:
        """Send nothing."""

    def note(self, name: str) -> None:
        """Count nothing."""


def is_short(message: str, _session: SessionInfo) -> bool:
    """Let every message of this benchmark pass."""
    return len(message) < 1000


def plain_swarm() -> Swarm:
    """Return one echo agent behind one policy."""
    return Swarm(
        "bench",
        agents=[Agent("echo", prompt="Repeat.", completion=EchoCompletion())],
        default_agent="echo",
        policies=[Policy("short", validate_input=is_short)],
    )


async def cost_us(swarm: Swarm) -> float:
    """Return the µs that a turn takes, opening and finishing included."""
    port, body = SilentPort(), json.dumps({"message": "Where is order 42?"}).encode()
    session = Session(client_id="alice", swarm_name=swarm.name, default_agent="echo")
    request = AdmittedRequest("r-1", "execute", "enqueue", False, "", None, 0, None, "", "", body)  # noqa: FBT003
    started = perf_counter()
    for _ in range(TURNS):
        await take_turn(open_turn(port, swarm, session, request, 1))
    return (perf_counter() - started) / TURNS * 1e6


def main() -> None:
    """Print the best of some rounds."""
    rounds = [asyncio.run(cost_us(plain_swarm())) for _ in range(ROUNDS)]
    sys.stdout.write(f"plain echo turn: {min(rounds):.2f} µs (best of {ROUNDS})\n")


if __name__ == "__main__":
    main()
