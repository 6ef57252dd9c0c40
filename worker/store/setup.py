"""What must be true of Redis before a worker starts: version, eviction policy, and the namespace's own settings."""

from schemas.keyspace import meta_key
from schemas.names import PROTOCOL_VERSION
from worker.errors import ConfigurationError, ProtocolMismatch
from worker.store.link import Link

#: consumer group lag, XAUTOCLAIM with three parts and script flags came with it
OLDEST_VERSION = (7, 0)


async def check_server(link: Link, *, allow_eviction: bool) -> None:
    """Refuse a server that would lose data or lacks commands; raises `ConfigurationError`, `QueueUnavailable`."""
    info = _parse_info(await link.command("INFO"))
    version = info.get("redis_version", "0")
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_VERSION:
        raise ConfigurationError(f"Redis {version} is too old: use Redis 7.0 or newer, or Valkey 7.2 or newer")
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction" and not allow_eviction:
        raise ConfigurationError(
            f"Redis evicts keys when it is full (maxmemory-policy {policy}), and accepted requests with them: "
            "set it to noeviction, or start with SWARMLINE_ALLOW_EVICTION=true"
        )


async def agree_on_namespace(link: Link, namespace: str, shards: int) -> None:
    """Create the namespace, or compare with how it was created; raises `ProtocolMismatch`."""
    key = meta_key(namespace)
    await link.command("HSETNX", key, "protocol", PROTOCOL_VERSION)
    await link.command("HSETNX", key, "shards", shards)
    found = [int(value) for value in await link.command("HMGET", key, "protocol", "shards")]
    if found[0] != PROTOCOL_VERSION:
        raise ProtocolMismatch(
            f"namespace {namespace!r} speaks protocol {found[0]}, this worker {PROTOCOL_VERSION}: "
            "use the matching version or another SWARMLINE_NAMESPACE"
        )
    if found[1] != shards:
        raise ProtocolMismatch(
            f"namespace {namespace!r} was created with {found[1]} shards, this worker is set to {shards}: "
            f"set SWARMLINE_SHARDS={found[1]}; the number can't be changed later"
        )


def _parse_info(text: bytes) -> dict[str, str]:
    lines = (line.partition(":") for line in text.decode("utf-8", "replace").splitlines())
    return {name: value.strip() for name, separator, value in lines if separator}
