"""Options that several verbs share; one that was not typed leaves the choice to the environment."""

from typing import Annotated

import typer

from worker.settings import source_of

RedisUrl = Annotated[
    str | None,
    typer.Option("--redis-url", help="Redis; else SWARMLINE_REDIS_URL, else REDIS_URL.", show_default=False),
]
Namespace = Annotated[str | None, typer.Option("--namespace", help="First part of every key.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def names_redis(redis_url: str | None) -> bool:
    """Tell whether anybody names a Redis: the option, a variable or a file."""
    return source_of("redis_url", {"redis_url": redis_url}) != "default"
