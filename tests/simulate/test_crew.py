"""The crew of a simulation ends its workers as an operator would."""

import asyncio
from pathlib import Path
from signal import SIGTERM

from tests.helpers.processes import clean_environment
from worker.clock import sleep
from worker.embedded.child import Child
from worker.simulate.crew import Crew, Post, Way
from worker.simulate.plan import Plan


async def test_a_worker_that_drains_already_is_not_told_to_go_a_second_time(tmp_path: Path) -> None:
    way = Way("directly", "redis://nowhere")
    crew = Crew(Plan(seed=1, workers=0), tmp_path, {}, [way])
    worker = await Child.start("worker", "tests.simulate.leaving", environment=clean_environment())
    post = Post(0, way, worker, ended=True)
    crew.posts.append(post)
    worker.send_signal(SIGTERM)
    leaving = asyncio.create_task(crew.dismiss(post))
    await sleep(0)  # its signal is out
    assert await worker.ask("you may go", within_s=20) == "told"
    await leaving
    assert (worker.exit_code, crew.unexpected) == (0, [])
