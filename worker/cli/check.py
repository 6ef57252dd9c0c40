"""`swarmline check`: is a worker ready, for probes of containers and for people; exit code 0 or 1."""

import asyncio
import json
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from typing import Annotated
from urllib.parse import urlsplit

import typer

from schemas.keyspace import ShardKeys
from worker.cli.options import AsJson, Namespace
from worker.errors import ConfigurationError, ProtocolMismatch, QueueUnavailable
from worker.settings import Settings, load_settings
from worker.store.link import Link
from worker.store.links import Links

TIMEOUT_S = 3.0
#: an address to listen on -> the address to ask
LISTENS_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - nothing is bound here

Url = Annotated[
    str | None, typer.Option("--url", help="Where the worker serves its probes, http://HOST:PORT.", show_default=False)
]
CheckedRedisUrl = Annotated[
    str | None,
    typer.Option("--redis-url", help="Ask this Redis for live workers, not a local worker.", show_default=False),
]


def check(
    *, url: Url = None, redis_url: CheckedRedisUrl = None, namespace: Namespace = None, as_json: AsJson = False
) -> None:
    """Ask the worker of this machine whether it is ready, or with --redis-url, Redis for live workers."""
    settings = load_settings({"redis_url": redis_url, "namespace": namespace})
    if redis_url is None:
        passed, reason = ask_worker(url or probe_url(settings))
    else:
        passed, reason = asyncio.run(ask_redis(redis_url, settings.namespace))
    typer.echo(json.dumps({"ok": passed, "reason": reason}) if as_json else reason, err=not (passed or as_json))
    raise typer.Exit(0 if passed else 1)


def probe_url(settings: Settings) -> str:
    """Return where a worker with these settings serves its probes; raises ConfigurationError if that is not known."""
    if settings.metrics_port <= 0:
        raise ConfigurationError("check: the port of the worker is not set (SWARMLINE_METRICS_PORT): pass --url")
    host = LISTENS_EVERYWHERE.get(settings.metrics_host, settings.metrics_host)
    return f"http://[{host}]:{settings.metrics_port}" if ":" in host else f"http://{host}:{settings.metrics_port}"


def ask_worker(url: str) -> tuple[bool, str]:
    """Return whether the worker behind `url` is ready, and what it says."""
    host, port = _host_and_port(url)
    # http.client and not urllib: a probe must not go through the proxy of the environment
    connection = HTTPConnection(host, port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        return answer.status == 200, answer.read(1000).decode(errors="replace").strip()  # noqa: PLR2004 - HTTP's OK
    except (OSError, HTTPException) as error:
        return False, f"no worker answers at {url}: {error}"
    finally:
        connection.close()


def _host_and_port(url: str) -> tuple[str, int]:
    with suppress(ValueError):  # a port that is none
        parts = urlsplit(url)
        if parts.scheme == "http" and parts.hostname:
            return parts.hostname, parts.port or 80
    raise typer.BadParameter(f"--url {url}: should be http://HOST:PORT")


async def ask_redis(url: str, namespace: str) -> tuple[bool, str]:
    """Return whether at least one worker has a lease in every shard, and how many do."""
    links = Links(url, namespace, timeout_s=TIMEOUT_S)
    try:
        live = await _workers_live(links)
    except QueueUnavailable as error:
        return False, f"Redis does not answer: {error}"
    except ProtocolMismatch as error:
        return False, str(error)
    finally:
        await links.close()
    return live > 0, f"{live} {'worker' if live == 1 else 'workers'} live in namespace {namespace}"


async def _workers_live(links: Links) -> int:
    return min([await _live_in(links.of(keys), keys) for keys in await links.shards()], default=0)


async def _live_in(link: Link, keys: ShardKeys) -> int:
    return await link.command("ZCOUNT", keys.workers, await link.now_ms(), "+inf")
