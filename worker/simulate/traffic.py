"""What one producer sends: bursts of requests to sessions, drawn from its own seed."""

import itertools
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from worker.simulate.app import CHAIN, MIXED, POLICY, STEPS
from worker.simulate.sender import Outgoing

LONGEST_BURST = 6
MEAN_BURST = (1 + LONGEST_BURST) / 2
SENT_TWICE = 0.03
#: kinds of the mixed swarm, with weight and body
MIXED_KINDS: Mapping[str, tuple[int, Mapping[str, str]]] = {
    "execute": (60, {}),
    "commit-user-message": (6, {"message": "said without asking"}),
    "emit": (5, {"message": "emitted"}),
    "notify": (5, {"message": "notified"}),
    "cancel-output": (6, {}),
    "ban": (2, {"policyName": POLICY}),
    "unban": (4, {"policyName": POLICY}),
    "change-to-default-agent": (3, {}),
    "event": (3, {"topic": "simulated", "payload": "1"}),
    "dispose": (3, {}),
}
WHEN_BUSY = ("enqueue", "enqueue", "enqueue", "interrupt", "rollback", "reject")


@dataclass(frozen=True, slots=True)
class Orders:
    """What a producer process is told to send."""

    name: str
    seed: int
    #: requests a second
    rate: float
    sessions: int
    traffic: Mapping[str, int]
    longest_turn_s: float


class Traffic:
    """Draws bursts; the requests of one burst go to one session, one after the other."""

    def __init__(self, orders: Orders) -> None:
        """Draw from the seed of the orders."""
        self._orders = orders
        self._chance = random.Random(orders.seed)  # noqa: S311 - it must be repeatable, not secret
        self._numbers = itertools.count(1)

    def pause_s(self) -> float:
        """Return the time until the next burst: they come by chance, not in step with what comes back."""
        return self._chance.expovariate(self._orders.rate / MEAN_BURST)

    def burst(self) -> list[Outgoing]:
        """Return the requests of one burst, in order."""
        (swarm,) = self._chance.choices(list(self._orders.traffic), list(self._orders.traffic.values()))
        client = f"c{self._chance.randrange(self._orders.sessions)}"
        length = self._chance.randint(1, LONGEST_BURST)
        return list(itertools.islice(self._requests(swarm, client), length))

    def _requests(self, swarm: str, client: str) -> Iterator[Outgoing]:
        while True:
            request_id = f"{self._orders.name}-{next(self._numbers)}"
            if swarm == MIXED:
                yield self._mixed(request_id, client)
            else:
                request = Outgoing.said(request_id, swarm, client, "say", self._seconds(swarm))
                yield self._perhaps_twice(request)

    def _perhaps_twice(self, request: Outgoing) -> Outgoing:
        if self._chance.random() > SENT_TWICE:
            return request
        return Outgoing(
            request_id=request.request_id, swarm=request.swarm, client=request.client, body=request.body, twice=True
        )

    def _seconds(self, swarm: str) -> float:
        """Return how long a turn takes: mostly no time, so that many are just being committed."""
        if swarm == CHAIN and self._chance.random() < 0.85:  # noqa: PLR2004 - a share, to taste
            return 0
        longest = self._orders.longest_turn_s / (1 if swarm == STEPS else 2)
        return self._chance.random() ** 3 * longest

    def _mixed(self, request_id: str, client: str) -> Outgoing:
        weights = [weight for weight, _ in MIXED_KINDS.values()]
        (kind,) = self._chance.choices(list(MIXED_KINDS), weights)
        if kind != "execute":
            more = {"force": "1"} if kind == "dispose" and self._chance.random() < 0.5 else {}  # noqa: PLR2004 - half
            body = MIXED_KINDS[kind][1]
            return Outgoing(request_id=request_id, swarm=MIXED, client=client, kind=kind, body=body, more=more)
        said = Outgoing.said(request_id, MIXED, client, "say", self._seconds(MIXED))
        when_busy = self._chance.choice(WHEN_BUSY)
        return Outgoing(request_id=request_id, swarm=MIXED, client=client, body=said.body, more={"whenBusy": when_busy})
