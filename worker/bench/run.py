"""The order of a bench: everything that it starts ends with it."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from signal import SIGKILL, SIGTERM

from worker.bench import machine
from worker.bench.actors import NAMES, Duo, Name, Stage
from worker.bench.connection import Connection, connect
from worker.bench.plan import Plan
from worker.bench.report import Report
from worker.bench.samples import Samples
from worker.bench.sessions import compare_histories, compare_populations, weigh
from worker.bench.takeover import take_over
from worker.bench.throughput import closed_loops, fill_and_drain, take_turns, warm_up
from worker.embedded import EmbeddedServer
from worker.embedded.child import environment_for_children

Say = Callable[[str], None]


def stage_environment() -> dict[str, str]:
    """Return the environment of the processes: nobody's own settings may decide what is measured."""
    # Both sides write no line a request: the bare loop has no log, so ours shall not pay for a terminal either.
    return environment_for_children(SWARMLINE_LOG_LEVEL="ERROR")


async def bench(plan: Plan, say: Say) -> Report:
    """Measure everything and return the report; `say` is told what is under way."""
    samples = Samples()
    report = Report(machine=machine.describe(), samples=samples)
    async with _stage() as (stage, connection):
        report.server = await _server_version(connection)
        duos: dict[Name, Duo] = {name: await Duo.start(stage, name) for name in NAMES}
        await _measure_traffic(connection, duos, plan, samples, say, report)
        for duo in duos.values():
            await duo.end()
    await _measure_populations(plan, samples, say)
    say("takeover after SIGKILL and SIGTERM")
    for _ in range(plan.takeovers):
        report.after_sigkill.append(await take_over(stage_environment(), SIGKILL))
        report.after_sigterm.append(await take_over(stage_environment(), SIGTERM))
    return report


async def _measure_traffic(
    connection: Connection, duos: Mapping[Name, Duo], plan: Plan, samples: Samples, say: Say, report: Report
) -> None:
    say("warm-up")
    for duo in duos.values():
        await warm_up(duo, plan)
    say(f"memory of {plan.idle_sessions:,} idle sessions")
    report.weight = await weigh(connection, duos["ours"], plan)
    say(f"closed loops, {plan.rounds} rounds")
    await take_turns(list(duos.values()), closed_loops(plan), plan.rounds, samples)
    say("histories, short and long")
    await compare_histories(duos["ours"], plan, samples)
    say(f"backlog of {plan.backlog:,}")
    await fill_and_drain(connection, duos, plan, samples)


async def _measure_populations(plan: Plan, samples: Samples, say: Say) -> None:
    say(f"{plan.few_live:,} live sessions against {plan.many_live:,}")
    async with _stage() as (one, _), _stage() as (other, _):
        few, many = await Duo.start(one, "ours"), await Duo.start(other, "ours")
        await compare_populations(few, many, plan, samples)
        await few.end()
        await many.end()


@asynccontextmanager
async def _stage() -> AsyncGenerator[tuple[Stage, Connection]]:
    with EmbeddedServer() as server:
        connection = connect(server.url)
        try:
            yield Stage(server.url, server.pid, stage_environment()), connection
        finally:
            await connection.aclose()


async def _server_version(connection: Connection) -> str:
    server = await connection.info("server")
    name, version = (
        ("Valkey", server["valkey_version"]) if "valkey_version" in server else ("Redis", server["redis_version"])
    )
    return f"{name} {version}"
