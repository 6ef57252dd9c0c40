"""`swarmline demo`: a server, two workers and a support swarm that answer what you type or pipe in."""

from typing import TYPE_CHECKING, Annotated

import typer

from worker.cli.errors import advising
from worker.cli.options import Namespace, RedisUrl, names_redis
from worker.observe.redaction import redact_url
from worker.settings import load_settings, source_of

if TYPE_CHECKING:
    from worker.cli.demo_team import Place

SUPPORT = "worker.cli.demo_app:app"
SLOW_SUPPORT = "worker.cli.demo_app:slow_app"


def demo(
    *,
    application: Annotated[
        str,
        typer.Option(
            "--app", help="Another application, as MODULE:ATTR; its first swarm talks.", metavar="MODULE:ATTR"
        ),
    ] = "",
    events: Annotated[bool, typer.Option("--events", help="Show the bus events.")] = False,
    kill_a_worker: Annotated[
        bool, typer.Option("--kill-a-worker", help="SIGKILL the worker that runs the first question.")
    ] = False,
    redis_url: RedisUrl = None,
    namespace: Namespace = None,
) -> None:
    """Answer lines from standard input, or chat, with two workers, on an embedded server where no Redis is named.

    Needs nothing installed.
    """
    import uvloop

    from worker.cli.demo_scene import scene_of
    from worker.cli.demo_talk import talk

    reference = application or (SLOW_SUPPORT if kill_a_worker else SUPPORT)
    place = _place_named(redis_url, namespace)
    scene = scene_of(reference)
    with advising("worker"):
        code = uvloop.run(talk(scene, place, events=events, kill_a_worker=kill_a_worker))
    raise typer.Exit(code)


def _place_named(redis_url: str | None, namespace: str | None) -> "Place | None":
    """Return where the demo is to run; None where nobody names a Redis."""
    from worker.cli.demo_team import APART, Place

    if not names_redis(redis_url):
        return None
    options = {"redis_url": redis_url, "namespace": namespace}
    settings, is_named = load_settings(options), source_of("namespace", options) != "default"
    url = settings.redis_url.get_secret_value()
    return Place(url, settings.namespace if is_named else APART, redact_url(url))
