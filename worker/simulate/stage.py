"""Set up a simulation: server, network, proxies, workers and producers, all of which end with the stage."""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from worker.embedded.child import Child
from worker.simulate.connection import connect
from worker.simulate.crew import Crew, Way, crew_environment
from worker.simulate.history import History
from worker.simulate.nemesis import Targets
from worker.simulate.network import Network, NoNetworkError
from worker.simulate.plan import Plan
from worker.simulate.proxy import Proxy
from worker.simulate.schedule import faults_of
from worker.simulate.sender import Sender
from worker.simulate.server import SimulatedServer
from worker.simulate.traffic import Orders

READY_WITHIN_S = 60.0
#: what a run needs of its workers: nothing that it checks may expire or be capped meanwhile
SETTINGS = {
    "result_ttl_s": "86400",
    "events_max": "10000000",
    "outbox_max": "1000000",
    "sweep_interval_s": "1",
    "shutdown_grace_s": "0.3",
    "hard_stop_s": "2",
}


@dataclass(slots=True)
class Stage:
    """A simulation that is ready to run."""

    targets: Targets
    producers: Sequence[Child]
    #: what this machine can't do
    skipped: list[str] = field(default_factory=list[str])


@asynccontextmanager
async def staged(plan: Plan, directory: Path) -> AsyncGenerator[Stage]:
    """Start everything and end it again."""
    environment = crew_environment()
    skipped: list[str] = []
    async with AsyncExitStack() as stack:
        files = directory / "redis"
        files.mkdir(parents=True)
        server = SimulatedServer(files)
        stack.callback(server.stop)
        connection = connect(server.url)
        stack.push_async_callback(connection.aclose)
        network = _network(plan, stack, skipped)
        proxies = [await stack.enter_async_context(Proxy(server.socket_path))]
        ways = [Way("direct", server.url), Way("proxy", proxies[0].url)]
        if network is not None:
            proxies.append(await stack.enter_async_context(Proxy(server.socket_path, network.address)))
            ways.append(Way("network", proxies[1].url, network.prefix))
        crew = await _crew(plan, directory, environment, ways, stack)
        producers = await _producers(plan, directory, environment, server.url, stack)
        history = History(directory, "nemesis")
        stack.callback(history.close)
        sender = Sender(connection, history, "nemesis")
        yield Stage(Targets(server, crew, proxies, network, connection, sender, history), producers, skipped)


def _network(plan: Plan, stack: AsyncExitStack, skipped: list[str]) -> Network | None:
    if "partition" not in faults_of(plan):
        return None
    try:
        network = Network().open()
    except NoNetworkError as error:
        skipped.append(f"partition: {error}")
        return None
    stack.callback(network.close)
    return network


async def _crew(
    plan: Plan, directory: Path, environment: Mapping[str, str], ways: Sequence[Way], stack: AsyncExitStack
) -> Crew:
    crew = Crew(plan, directory, {**environment, **_settings(SETTINGS)}, ways)
    keeping = asyncio.create_task(crew.keep())
    stack.push_async_callback(_end_crew, crew, keeping)
    await crew.complete(within_s=READY_WITHIN_S)
    return crew


def _settings(values: Mapping[str, str]) -> dict[str, str]:
    return {f"SWARMLINE_{name.upper()}": value for name, value in values.items()}


async def _end_crew(crew: Crew, keeping: "asyncio.Task[None]") -> None:
    keeping.cancel()
    await asyncio.wait([keeping])
    await crew.kill_all()


async def _producers(
    plan: Plan, directory: Path, environment: Mapping[str, str], url: str, stack: AsyncExitStack
) -> list[Child]:
    producers: list[Child] = []
    for number in range(plan.producers):
        orders = Orders(
            name=f"p{number}",
            seed=plan.seed * 1000 + number,
            rate=plan.rate / plan.producers,
            sessions=plan.sessions,
            traffic=dict(plan.traffic),
            longest_turn_s=plan.longest_turn_s,
        )
        producer = await Child.start(
            f"producer {number}",
            *("worker.simulate", json.dumps(asdict(orders)), url),
            environment=environment,
            log=directory / f"producer-{number}.log",
            directory=directory,
        )
        stack.push_async_callback(producer.end)
        producers.append(producer)
    return producers
