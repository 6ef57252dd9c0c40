"""What happens before a worker touches the first entry: Redis is looked over, then the namespace agreed on."""

from collections.abc import Sequence

from redis.exceptions import AuthenticationError

from schemas.cluster import slot_of
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
from worker.store.links import Links
from worker.store.node import nodes_of

NOT_ON_CLUSTER = Finding(
    "housekeeping",
    Verdict.FAIL,
    "it is done by arq, which does not run on a Redis Cluster",
    "name a single server for it in SWARMLINE_ARQ_REDIS_URL, or leave it to others: SWARMLINE_HOUSEKEEPING=false",
)
#: what a node of a cluster says to a URL with the number of a database
NO_DATABASES = "SELECT is not allowed in cluster mode"
#: what a server says that has no database of that number
NO_SUCH_DATABASE = "DB index is out of range"
#: how hiredis begins where a server speaks another protocol
NO_REDIS = "Protocol error"
#: how OpenSSL begins
BAD_CERTIFICATE = "CERTIFICATE_VERIFY_FAILED"


async def prepare(url: str, demands: Demands, *, housekeeping_url: str | None, strict: bool) -> Sequence[Finding]:
    """Refuse a Redis that would lose data or lacks rights, then agree on the namespace; returns the warnings.

    Raises `ConfigurationError` with every fault, `ProtocolMismatch`, `QueueUnavailable`.
    """
    findings = await look_over(url, demands, housekeeping_url=housekeeping_url)
    if faults := faults_of(findings, strict=strict):
        raise ConfigurationError(*map(str, faults))
    await agree_on_namespace(url, demands.namespace, demands.shards)
    return [finding for finding in findings if finding.verdict is Verdict.WARN]


async def look_over(url: str, demands: Demands, *, housekeeping_url: str | None) -> list[Finding]:
    """Return all findings, without a write; raises QueueUnavailable.

    `housekeeping_url` is arq's Redis, None where no housekeeping runs.
    """
    links = Links(url, demands.namespace)
    try:
        findings = await examine(links, demands)
    except QueueUnavailable as error:
        raise _told_better(error) from error
    finally:
        await links.close()
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
    if NO_DATABASES in str(error):
        return ConfigurationError(
            "connection: a Redis Cluster has one database; leave the number of another one out of SWARMLINE_REDIS_URL"
        )
    if NO_SUCH_DATABASE in str(error):
        return ConfigurationError(f"connection: {error}; correct the number of the database in SWARMLINE_REDIS_URL")
    if NO_REDIS in str(error):
        return ConfigurationError(f"connection: what answers is no Redis ({error}); correct SWARMLINE_REDIS_URL")
    cause = error.__cause__
    # over a unix socket redis-py wraps a refused password once more
    if any(isinstance(one, AuthenticationError) for one in (cause, cause and cause.__cause__)):
        return ConfigurationError(f"connection: {error}; correct user and password in SWARMLINE_REDIS_URL")
    return error


async def _look_over_housekeeping(url: str, demands: Demands) -> Finding:
    link = Link(url)
    try:
        finding = await housekeeping_permissions(link, demands)
    except QueueUnavailable as error:
        # housekeeping waits for it: no reason not to start
        return Finding("housekeeping", Verdict.WARN, f"its Redis does not answer: {error}", "start it")
    finally:
        await link.close()
    return NOT_ON_CLUSTER if nodes_of(url).is_cluster else finding


async def agree_on_namespace(url: str, namespace: str, shards: int) -> None:
    """Create the namespace, or compare with how it was created; raises `ProtocolMismatch`, `QueueUnavailable`."""
    key = meta_key(namespace)
    link = Link(url, slot_of(key))
    try:
        await link.command("HSETNX", key, "protocol", PROTOCOL_VERSION)
        await link.command("HSETNX", key, "shards", shards)
        protocol, found_shards = await link.command("HMGET", key, "protocol", "shards")
    finally:
        await link.close()
    faults = list(namespace_faults(namespace, shards, protocol.decode(), found_shards.decode()))
    if faults:
        raise ProtocolMismatch(*map(str, faults))
