"""`swarmline top`: the live view of a namespace, for a terminal."""

import sys
from typing import Annotated

import typer

from worker.cli.options import Namespace, RedisUrl
from worker.errors import ConfigurationError
from worker.settings import load_settings

EveryS = Annotated[float, typer.Option("--every-s", min=0.1, max=60, help="Seconds from one look to the next.")]


def top(*, redis_url: RedisUrl = None, namespace: Namespace = None, every_s: EveryS = 1.0) -> None:
    """Show workers, sessions, queues, dead letters and events, live; reads only. Needs the extra `tui`."""
    settings = load_settings({"redis_url": redis_url, "namespace": namespace})
    try:
        from worker.top.app import Top
    except ModuleNotFoundError as error:
        message = f"top needs a package that is not installed ({error.name}): pip install 'swarmline[tui]'"
        raise ConfigurationError(message) from error
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        message = "top needs a terminal; for programs there are /metrics and the verbs with --json"
        raise ConfigurationError(message)
    Top(settings.redis_url.get_secret_value(), settings.namespace, every_s=every_s).run()
