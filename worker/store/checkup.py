"""What must be true of Redis before a worker starts, as findings: what is so, and what to do where it is not right."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from schemas.keyspace import ShardKeys, meta_key
from schemas.names import PROTOCOL_VERSION
from worker.errors import QueueUnavailable
from worker.store.link import Answer, Link, by_name
from worker.store.links import Links
from worker.store.permissions import Need, housekeeping_needs, refused, worker_needs

#: consumer group lag, script flags and `redis.acl_check_cmd` came with it
OLDEST_VERSION = (7, 0)
#: the longest lease that can be set
LONGEST_LEASE_MS = 3_600_000
#: a clock that is slewed into place by NTP is no fault
CLOCK_TOLERANCE_MS = 5_000
SHOWN_RIGHTS = 12
#: what redis-py leaves of NOPERM
FORBIDDEN = "has no permissions"


class Verdict(StrEnum):
    """How bad a finding is: `fail` stops a start, `warn` does with `--strict` only."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `remedy` says what to change, "" if nothing."""

    subject: str
    verdict: Verdict
    what: str
    remedy: str = ""

    def __str__(self) -> str:
        """Return the finding as one line."""
        return f"{self.subject}: {self.what}" + (f"; {self.remedy}" if self.remedy else "")


@dataclass(frozen=True, slots=True)
class Demands:
    """What the settings ask of Redis, and which faults they accept."""

    namespace: str
    shards: int
    allow_eviction: bool = False
    allow_clock_jump: bool = False

    def shard_keys(self) -> list[ShardKeys]:
        """Return the keys of all shards."""
        return [ShardKeys(self.namespace, shard) for shard in range(self.shards)]


async def examine(links: Links, demands: Demands) -> list[Finding]:
    """Return all findings, without a write; raises QueueUnavailable when Redis can't be asked at all."""
    try:
        infos = await _infos(links, demands)
    except QueueUnavailable as error:
        if FORBIDDEN not in str(error):
            raise
        return [await permissions(links, demands)]
    found = [_worst(map(version, infos)), *_kinds(links, infos, demands)]
    if faults_of(found, strict=False):
        return found  # it can't even be asked the rest
    found.append(_worst(eviction(info, allowed=demands.allow_eviction) for info in infos))
    found.append(_worst(map(persistence, infos)))
    missing = await permissions(links, demands)
    if missing.verdict is Verdict.FAIL:
        return [*found, missing]  # what follows may be forbidden too
    return [*found, missing, *await namespace(links.meta, demands), await clock(links, demands)]


async def _infos(links: Links, demands: Demands) -> list[Mapping[str, str]]:
    """Return the INFO of each server that serves the namespace: its hash first, then its shards."""
    info = _parse_info(await links.meta.command("INFO"))
    infos = {info.get("run_id"): info}
    if links.are_of_cluster:
        for keys in demands.shard_keys():
            info = _parse_info(await links.of(keys).command("INFO"))
            infos[info.get("run_id")] = info
    return list(infos.values())


def _worst(findings: Iterable[Finding]) -> Finding:
    """Return what was found on the node of a cluster where it is worst."""
    return max(findings, key=lambda finding: list(Verdict).index(finding.verdict))


def version(info: Mapping[str, str]) -> Finding:
    """Judge the version of the server by its INFO."""
    text = info.get("redis_version", "0")
    name = f"Valkey {info['valkey_version']}" if "valkey_version" in info else f"Redis {text}"
    if tuple(int(part) for part in text.split(".")[:2]) < OLDEST_VERSION:
        return Finding("server", Verdict.FAIL, f"{name} is too old", "use Redis 7.0 or newer, or Valkey 7.2 or newer")
    return Finding("server", Verdict.OK, name)


def _kinds(links: Links, infos: Sequence[Mapping[str, str]], demands: Demands) -> Iterator[Finding]:
    info = infos[0]
    if links.are_of_cluster:
        nodes = "one node" if len(infos) == 1 else f"{len(infos)} nodes"
        yield Finding("cluster", Verdict.OK, f"{nodes} of a Redis Cluster serve {_counted(demands.shards)}")
    elif info.get("cluster_enabled") == "1":
        what = "it is a node of a Redis Cluster, and its socket or proxy does not lead to the others"
        yield Finding("cluster", Verdict.FAIL, what, "use the host and port of a node, redis://HOST:PORT")
    if info.get("role", "master") != "master":
        what = f"it is a replica of {info.get('master_host', 'another server')} and can't be written to"
        yield Finding("role", Verdict.FAIL, what, "use the address of the primary")


def eviction(info: Mapping[str, str], *, allowed: bool) -> Finding:
    """Judge what the server does when it is full, by its INFO."""
    policy = info.get("maxmemory_policy", "noeviction")
    if policy == "noeviction":
        return Finding("eviction", Verdict.OK, "a full server refuses new requests and keeps what it has")
    what = f"Redis evicts keys when it is full (maxmemory-policy {policy}), and accepted requests with them"
    remedy = "set maxmemory-policy to noeviction, or start with SWARMLINE_ALLOW_EVICTION=true"
    return Finding("eviction", Verdict.WARN if allowed else Verdict.FAIL, what, remedy)


def persistence(info: Mapping[str, str]) -> Finding:
    """Judge what a stop of the server loses, by its INFO."""
    if info.get("aof_enabled") != "1":
        what = "Redis keeps no append-only file (appendonly no): a stop of it loses requests that were accepted"
        return Finding("persistence", Verdict.WARN, what, "set appendonly to yes and appendfsync to everysec")
    if info.get("aof_last_write_status", "ok") != "ok":
        what = "Redis could not write its append-only file"
        return Finding("persistence", Verdict.WARN, what, "look at its log and at the free space of its disk")
    return Finding("persistence", Verdict.OK, "append-only file")


async def permissions(links: Links, demands: Demands) -> Finding:
    """Ask Redis for every command, key and channel that a worker may ever use."""
    return await _rights("permissions", [(links.of(keys), worker_needs(keys)) for keys in demands.shard_keys()])


async def housekeeping_permissions(link: Link, demands: Demands) -> Finding:
    """Ask the Redis of housekeeping for every command and key that arq may ever use."""
    return await _rights("housekeeping", [(link, housekeeping_needs(demands.namespace))])


async def _rights(subject: str, needs: Iterable[tuple[Link, Iterable[Need]]]) -> Finding:
    lacking: list[str] = []
    try:
        for link, some in needs:
            lacking += await refused(link, some)
    except QueueUnavailable as error:
        if FORBIDDEN not in str(error):
            raise
        lacking = ["+eval and +evalsha"]
    lacking = list(dict.fromkeys(lacking))
    if not lacking:
        return Finding(subject, Verdict.OK, "every command, key and channel that is used is granted")
    shown = ", ".join(lacking[:SHOWN_RIGHTS])
    more = f" and {len(lacking) - SHOWN_RIGHTS} more" if len(lacking) > SHOWN_RIGHTS else ""
    what = f"the Redis user lacks {shown}{more}"
    return Finding(subject, Verdict.FAIL, what, "grant it with ACL SETUSER; deploy/acl has whole rules per role")


async def namespace(link: Link, demands: Demands) -> list[Finding]:
    """Compare how the namespace was made with how this worker is set."""
    key = meta_key(demands.namespace)
    try:
        protocol, shards = await link.command("HMGET", key, "protocol", "shards")
    except QueueUnavailable as error:
        if "WRONGTYPE" not in str(error):
            raise
        what = f"the key {key} is no hash, so it was not written by a worker"
        return [Finding("namespace", Verdict.FAIL, what, "use another SWARMLINE_NAMESPACE, or delete that key")]
    if protocol is None or shards is None:  # another worker may be making it right now
        return [Finding("namespace", Verdict.OK, f"{demands.namespace!r} is not made yet; the first worker makes it")]
    faults = list(namespace_faults(demands.namespace, demands.shards, _text(protocol), _text(shards)))
    what = f"{demands.namespace!r} has protocol {PROTOCOL_VERSION} and {_counted(demands.shards)}"
    return faults or [Finding("namespace", Verdict.OK, what)]


def namespace_faults(name: str, wanted_shards: int, protocol: str, shards: str) -> Iterator[Finding]:
    """Yield what of a namespace's meta hash does not fit a worker that is set to `wanted_shards`."""
    if protocol != str(PROTOCOL_VERSION):
        what = f"namespace {name!r} speaks protocol {protocol}, this worker {PROTOCOL_VERSION}"
        yield Finding("protocol", Verdict.FAIL, what, "use the matching version or another SWARMLINE_NAMESPACE")
    if shards != str(wanted_shards):
        what = f"namespace {name!r} was created with {_counted(shards)}, this worker is set to {wanted_shards}"
        remedy = f"set SWARMLINE_SHARDS={shards}; the number can't be changed later"
        if not shards.isdigit():
            remedy = f"no worker wrote that: restore the field `shards` of {meta_key(name)} as it was"
        yield Finding("shards", Verdict.FAIL, what, remedy)


async def clock(links: Links, demands: Demands) -> Finding:
    """Compare the server's clock with the times that it has written itself: tell whether it was put back."""
    ahead_ms = max([await _ahead_ms(links.of(keys), keys) for keys in demands.shard_keys()])
    if ahead_ms <= CLOCK_TOLERANCE_MS:
        return Finding("clock", Verdict.OK, "Redis' clock is ahead of all times that it has written")
    what = f"Redis' clock is {ahead_ms / 1000:.0f} s behind times that it has written: it has been put back"
    remedy = (
        "set it right or wait so long, or start with SWARMLINE_ALLOW_CLOCK_JUMP=true: until then retries and "
        "disposals come late, and what dead workers hold is not taken over"
    )
    return Finding("clock", Verdict.WARN if demands.allow_clock_jump else Verdict.FAIL, what, remedy)


async def _ahead_ms(link: Link, keys: ShardKeys) -> int:
    """Return by how much the newest time in a shard is ahead of now."""
    now_ms = await link.now_ms()
    written = [await _last_entry_ms(link, stream) for stream in (keys.requests, keys.bell, keys.events)]
    last = await link.command("ZREVRANGE", keys.workers, 0, 0, "WITHSCORES")
    if last:
        written.append(int(float(last[1])) - LONGEST_LEASE_MS)
    return max(written) - now_ms


async def _last_entry_ms(link: Link, stream: str) -> int:
    try:
        flat = await link.command("XINFO", "STREAM", stream)
    except QueueUnavailable as error:
        if "no such key" in str(error) or "WRONGTYPE" in str(error):
            return 0
        raise
    return int(by_name(flat)[b"last-generated-id"].split(b"-")[0])


def faults_of(findings: Iterable[Finding], *, strict: bool) -> Sequence[Finding]:
    """Return the findings that must stop a start."""
    refusing = (Verdict.FAIL, Verdict.WARN) if strict else (Verdict.FAIL,)
    return [finding for finding in findings if finding.verdict in refusing]


def _counted(shards: int | str) -> str:
    return "1 shard" if str(shards) == "1" else f"{shards} shards"


def _text(value: Answer) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else "none"


def _parse_info(text: bytes) -> dict[str, str]:
    lines = (line.partition(":") for line in text.decode("utf-8", "replace").splitlines())
    return {name: value.strip() for name, separator, value in lines if separator}
