"""The order of a simulation: set up, load and faults, settle, look, check; everything that it starts ends with it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from signal import SIGTERM

from worker.clock import monotonic, sleep
from worker.embedded.child import Child
from worker.simulate.checks import check
from worker.simulate.connection import connect
from worker.simulate.evidence import histories, look_into_redis
from worker.simulate.nemesis import Nemesis
from worker.simulate.plan import Plan
from worker.simulate.report import Report, figures_of
from worker.simulate.schedule import draw
from worker.simulate.settling import Settling
from worker.simulate.stage import Stage, staged

Say = Callable[[str], None]
#: longest that a producer may take to obey a word
OBEYS_WITHIN_S = 120.0
#: for looking at everything that a run has left, which takes long
PATIENT_S = 60.0


async def simulate(plan: Plan, directory: Path, say: Say) -> Report:
    """Run a plan with all files in `directory` and return the report; `say` is told what goes on."""
    async with staged(plan, directory) as stage:
        say(f"{plan.workers} workers and {plan.producers} producers are ready; seed {plan.seed}")
        nemesis = Nemesis(stage.targets, say)
        ends_at = monotonic() + plan.duration_s
        await nemesis.run(draw(plan))
        await sleep(max(0.0, ends_at - monotonic()))
        say("settling")
        evidence_of_rest = await _settle(plan, stage, directory)
        say("checking")
        evidence = histories(directory)
        evidence.faults, evidence.leftovers, evidence.lease_s = nemesis.done, evidence_of_rest, plan.lease_s
        connection = connect(stage.targets.server.url, timeout_s=PATIENT_S)
        await look_into_redis(connection, evidence)
        await connection.aclose()
        return Report(
            plan=plan,
            findings=check(evidence),
            faults=evidence.faults,
            figures=figures_of(evidence),
            skipped=stage.skipped,
        )


async def _settle(plan: Plan, stage: Stage, directory: Path) -> list[str]:
    """Bring everything to rest; return what is left over."""
    url = stage.targets.server.url
    await _tell(stage.producers, "stop")
    connection = connect(url, timeout_s=PATIENT_S)
    settling = Settling(stage.targets, connection, directory, plan.settle_s)
    answered = await settling.wait_for_replies() and await settling.probe()
    if answered:
        await settling.wait_for_followers()
    await _tell(stage.producers, "end")
    for producer in stage.producers:
        await producer.end(SIGTERM)
    # What is left over says nothing where requests are still under way: they are lost, which is worse.
    found = await settling.leave(url) if answered else []
    await connection.aclose()
    return found


async def _tell(producers: Sequence[Child], word: str) -> None:
    for producer in producers:
        await producer.ask(word, within_s=OBEYS_WITHIN_S)
