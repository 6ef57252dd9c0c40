"""`swarmline doctor`: all that must be true before a worker starts, as a table of what is wrong and what to do.

`check` asks whether a worker is ready now, for probes; `doctor` looks for what somebody has to change, for people.
"""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

import typer

from schemas.keyspace import ShardKeys
from worker.cli.options import AsJson, Namespace, RedisUrl
from worker.clock import monotonic
from worker.errors import ConfigurationError, QueueUnavailable
from worker.observe.redaction import redact_url
from worker.settings import Settings, load_settings
from worker.store.checkup import Finding, Verdict, faults_of
from worker.store.figures import figures_of
from worker.store.link import Link
from worker.store.links import Links
from worker.store.setup import look_over

TIMEOUT_S = 5.0

Strict = Annotated[bool, typer.Option("--strict", help="Count warnings as failures.")]
Shards = Annotated[int | None, typer.Option("--shards", help="Shards of the namespace.", show_default=False)]


def doctor(
    *,
    redis_url: RedisUrl = None,
    namespace: Namespace = None,
    shards: Shards = None,
    strict: Strict = False,
    as_json: AsJson = False,
) -> None:
    """Look at settings, Redis and namespace as a worker does at its start; exit code 1 if it would not start."""
    findings = diagnose({"redis_url": redis_url, "namespace": namespace, "shards": shards})
    print_findings(findings, as_json=as_json)
    # whether others serve says nothing of whether a worker would start
    own = [finding for finding in findings if finding.subject != "workers"]
    raise typer.Exit(1 if faults_of(own, strict=strict) else 0)


def diagnose(options: dict[str, object]) -> list[Finding]:
    """Return all findings, the settings' own first; later ones are left out where earlier ones make them moot."""
    try:
        settings = load_settings(options)
    except ConfigurationError as error:
        return [Finding("settings", Verdict.FAIL, fault, "see docs/settings.md") for fault in error.faults]
    return [Finding("settings", Verdict.OK, "all names and values are known"), *asyncio.run(_ask(settings))]


async def _ask(settings: Settings) -> list[Finding]:
    from worker.wiring import demands_of

    url = settings.redis_url.get_secret_value()
    arq_url = settings.housekeeping_url if settings.housekeeping else None
    findings = [transport(url)]
    links = Links(url, settings.namespace, timeout_s=TIMEOUT_S)
    try:
        looked_over = await look_over(url, demands_of(settings), housekeeping_url=arq_url)
        findings += [await _connection(links.meta), *looked_over]
        if not faults_of(findings, strict=False):
            findings.append(await _workers(links, settings))
    except ConfigurationError as error:
        findings.append(Finding("connection", Verdict.FAIL, str(error).removeprefix("connection: ")))
    except QueueUnavailable as error:
        remedy = "start Redis, or correct SWARMLINE_REDIS_URL: address, database, user, password, certificates"
        findings.append(Finding("connection", Verdict.FAIL, f"{redact_url(url)}: {error}", remedy))
    finally:
        await links.close()
    return findings


def transport(url: str) -> Finding:
    """Judge whether others on the way can read along."""
    parts = urlsplit(url)
    if parts.scheme == "rediss" and "ssl_cert_reqs=none" in parts.query:
        what = "TLS, but the certificate is not checked: anybody on the way can be the server"
        return Finding(
            "transport", Verdict.WARN, what, "leave ssl_cert_reqs=none out; name the CA with ssl_ca_certs=FILE"
        )
    if parts.scheme == "rediss":
        return Finding("transport", Verdict.OK, "TLS")
    if parts.scheme == "unix" or _is_loopback(parts.hostname or "localhost"):
        return Finding("transport", Verdict.OK, "stays on this machine")
    what = f"passwords and conversations go to {parts.hostname} unencrypted"
    return Finding("transport", Verdict.WARN, what, "use rediss://, or be sure of the network; see docs/security.md")


def print_findings(findings: Sequence[Finding], *, as_json: bool) -> None:
    """Print a table, or a list of objects."""
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings]))
        return
    colours = {Verdict.OK: typer.colors.GREEN, Verdict.WARN: typer.colors.YELLOW, Verdict.FAIL: typer.colors.RED}
    width = max(len(finding.subject) for finding in findings)
    for finding in findings:
        verdict = typer.style(f"{finding.verdict:<4}", fg=colours[finding.verdict])
        typer.echo(f"{verdict}  {finding.subject:<{width}}  {finding.what}")
        if finding.remedy:
            typer.echo(f"{'':<{width + 6}}  -> {finding.remedy}")


async def _connection(link: Link) -> Finding:
    await link.command("PING")
    asked_at = monotonic()
    await link.command("PING")
    return Finding("connection", Verdict.OK, f"answers in {(monotonic() - asked_at) * 1000:.1f} ms")


async def _workers(links: Links, settings: Settings) -> Finding:
    shards = [ShardKeys(settings.namespace, shard) for shard in range(settings.shards)]
    samples = [await figures_of(links.of(keys), keys) for keys in shards]
    live = min(sample.workers_live for sample in samples)
    if live:
        return Finding("workers", Verdict.OK, f"{live} live")
    oldest_s = max(sample.oldest_waiting_s for sample in samples)
    if oldest_s:
        what = f"none is live, and requests wait, the oldest for {oldest_s:.0f} s"
        return Finding("workers", Verdict.WARN, what, "start one: swarmline worker --app MODULE:ATTR")
    return Finding("workers", Verdict.OK, "none is live: requests wait until one starts")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
