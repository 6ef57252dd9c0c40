"""The `swarmline` command: one verb per file, all registered here."""

import typer

from worker.cli.bans import ban, bans, unban
from worker.cli.bench import bench
from worker.cli.chat import chat
from worker.cli.check import check
from worker.cli.config import config
from worker.cli.dead import dead
from worker.cli.demo import demo
from worker.cli.doctor import doctor
from worker.cli.export import export
from worker.cli.exporter import exporter
from worker.cli.queues import queues
from worker.cli.send import send
from worker.cli.sessions import sessions
from worker.cli.simulate import simulate
from worker.cli.tail import tail
from worker.cli.top import top
from worker.cli.version import version
from worker.cli.worker import worker
from worker.cli.workers import workers

app = typer.Typer(
    name="swarmline",
    help="Conversations with swarms of LLM agents on a message queue: ordered, stateful and fenced, on Redis alone.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # they print local variables, and with them passwords
    context_settings={"help_option_names": ["-h", "--help"]},
)
for verb in (
    demo, worker, exporter, send, chat, tail, top, queues, ban, unban, export, check, doctor, bench, simulate, version
):  # fmt: skip
    app.command(verb.__name__)(verb)
app.add_typer(sessions, name="sessions")
app.add_typer(workers, name="workers")
app.add_typer(bans, name="bans")
app.add_typer(config, name="config")
app.add_typer(dead, name="dead")
