"""What happens before a worker touches the first entry: Redis is looked over, then the namespace agreed on."""

from collections.abc import Sequence

from redis.exceptions import AuthenticationError

from schemas.keyspace import meta_key
from schemas.names import PROTOCOL_VERSION
from worker.errors import ConfigurationError, ProtocolMismatch, QueueUnavailable, SwarmlineError
from worker.store.checkup import (
    Demands,
    Finding,
    Verdict,
    examine,
    faults_of,
    housekeeping_permissions,
    namespace_faults,
)
from worker.store.link import Link

#: how OpenSSL begins
BAD_CERTIFICATE = "CERTIFICATE_VERIFY_FAILED"


async def prepare(url: str, demands: Demands, *, housekeeping_url: str | None, strict: bool) -> Sequence[Finding]:
    """Refuse a Redis that would lose data or lacks rights, then agree on the namespace; returns the warnings.

    Raises `ConfigurationError` with every fault, `ProtocolMismatch`, `QueueUnavailable`.
    """
    findings = await look_over(url, demands, housekeeping_url=housekeeping_url)
    if faults := faults_of(findings, strict=strict):
        raise ConfigurationError(*map(str, faults))
    link = Link(url)
    try:
        await agree_on_namespace(link, demands.namespace, demands.shards)
    finally:
        await link.close()
    return [finding for finding in findings if finding.verdict is Verdict.WARN]


async def look_over(url: str, demands: Demands, *, housekeeping_url: str | None) -> list[Finding]:
    """Return all findings, without a write; raises QueueUnavailable.

    `housekeeping_url` is arq's Redis, None where no housekeeping runs.
    """
    link = Link(url)
    try:
        findings = await examine(link, demands)
    except QueueUnavailable as error:
        raise _told_better(error) from error
    finally:
        await link.close()
    if housekeeping_url is not None and not faults_of(findings[:2], strict=False):
        findings.append(await _look_over_housekeeping(housekeeping_url, demands))
    return findings


def _told_better(error: QueueUnavailable) -> SwarmlineError:
    """Return what a connection that was refused means for who set it up; an outage stays what it is."""
    if BAD_CERTIFICATE in str(error):
        remedy = (
            "name the file of its CA in SWARMLINE_REDIS_URL, ?ssl_ca_certs=FILE, and the host as the certificate does"
        )
        return ConfigurationError(f"connection: Redis' certificate is not accepted ({error}); {remedy}")
    cause = error.__cause__
    # over a unix socket redis-py wraps a refused password once more
    if any(isinstance(one, AuthenticationError) for one in (cause, cause and cause.__cause__)):
        return ConfigurationError(f"connection: {error}; correct user and password in SWARMLINE_REDIS_URL")
    return error


async def _look_over_housekeeping(url: str, demands: Demands) -> Finding:
    link = Link(url)
    try:
        return await housekeeping_permissions(link, demands)
    except QueueUnavailable as error:
        # housekeeping waits for it: no reason not to start
        return Finding("housekeeping", Verdict.WARN, f"its Redis does not answer: {error}", "start it")
    finally:
        await link.close()


async def agree_on_namespace(link: Link, namespace: str, shards: int) -> None:
    """Create the namespace, or compare with how it was created; raises `ProtocolMismatch`."""
    key = meta_key(namespace)
    await link.command("HSETNX", key, "protocol", PROTOCOL_VERSION)
    await link.command("HSETNX", key, "shards", shards)
    protocol, found_shards = await link.command("HMGET", key, "protocol", "shards")
    faults = list(namespace_faults(namespace, shards, protocol.decode(), found_shards.decode()))
    if faults:
        raise ProtocolMismatch(*map(str, faults))


async def shard_count(link: Link, namespace: str) -> int:
    """Return the number of shards of a namespace, 1 as long as no worker has made it; raises `ProtocolMismatch`."""
    found = await link.command("HGET", meta_key(namespace), "shards")
    if found is not None and not found.isdigit():
        raise ProtocolMismatch(f"{meta_key(namespace)} holds no number of shards: it was not written by a worker")
    return int(found or 1)
