"""Every Redis key and channel of Swarmline is spelled here and nowhere else.

All names of one shard carry its number as hash tag, `{k}`, so a shard lives in one slot of a cluster. The Lua
scripts get the same spelling: `lua_prelude` turns this module into local variables at the head of each script.
"""

from dataclasses import dataclass

from schemas.cluster import slot_of

DEFAULT_NAMESPACE = "swarmline"

#: keys and channels that exist once per shard: attribute -> what follows `<ns>:{k}:`
SHARD_NAMES = {
    "swarms_key": "swarms",
    "cursor_key": "cursor",
    "requests_key": "requests",
    "bell_key": "bell",
    "ready_key": "ready",
    "delayed_key": "delayed",
    "sessions_key": "sessions",
    "workers_key": "workers",
    "suspects_key": "suspects",
    "bans_key": "bans",
    "dead_key": "dead",
    "events_key": "events",
    "sampler_key": "sampler",
}

#: keys and channels with a name at the end: attribute -> what stands between `<ns>:{k}:` and that name
NAMED_PREFIXES = {
    "held_key": "held:",  # + worker_id
    "ops_key": "ops:",  # + worker_id
    "session_key": "session:",  # + sid
    "mailbox_key": "mailbox:",  # + sid
    "control_key": "control:",  # + sid
    "history_key": "history:",  # + sid
    "journal_key": "journal:",  # + sid
    "outbox_key": "outbox:",  # + sid
    "banned_key": "banned:",  # + sid
    "result_key": "result:",  # + request_id
    "shared_key": "shared:",  # + name of the state
    "applied_key": "applied:",  # + request_id
    "client_channel": "client:",  # + sid
    "bus_channel": "bus:",  # + client_id
    "reply_channel": "reply:",  # + chosen by the sender
    "worker_channel": "worker:",  # + worker_id
}

ADMISSION_GROUP = "admission"
DOORBELL_GROUP = "doorbell"
#: fixed consumer name of both groups: a name per worker start would leak consumers
CONSUMER = "w"

#: what an operator publishes on the channel of a worker; `~` can't begin a session id, which hints are otherwise
WORKER_QUIET = "~quiet"
WORKER_DRAIN = "~drain"

#: the arq job that sends a request at its time; its one argument is the dict of stream fields
SEND_LATER_JOB = "send_later"

#: what arq's own keys begin with; it lets nobody choose
ARQ_PREFIXES = {
    "job": "arq:job:",
    "under_way": "arq:in-progress:",
    "tries": "arq:retry:",
    "outcome": "arq:result:",
    "aborted": "arq:abort",
}

#: PSUBSCRIBE pattern for the bus of all clients; also matches foreign channels, so filter with `is_bus_channel`
BUS_PATTERN = "{namespace}:{{*}}:bus:*"


def meta_key(namespace: str) -> str:
    """Return the hash that holds protocol version and number of shards of a namespace."""
    return f"{namespace}:meta"


def arq_queue(namespace: str) -> str:
    """Return the key under which arq keeps the jobs of a namespace; its other keys begin with `arq:`."""
    return f"{namespace}:arq"


def sid_of(swarm_name: str, client_id: str) -> str:
    """Return the session id, `<swarm_name>:<client_id>`; a swarm name never holds a colon, so it splits back."""
    return f"{swarm_name}:{client_id}"


def split_sid(sid: str) -> tuple[str, str]:
    """Return (swarm_name, client_id) of a session id."""
    swarm_name, _, client_id = sid.partition(":")
    return swarm_name, client_id


def bus_pattern(namespace: str) -> str:
    """Return the PSUBSCRIBE pattern that covers the bus channels of every client and shard."""
    return BUS_PATTERN.format(namespace=namespace)


def is_bus_channel(namespace: str, channel: str) -> bool:
    """Tell whether `channel` is a bus channel of this namespace (a pattern match alone lets others in)."""
    head, found, tail = channel.partition("}:bus:")
    shard = head.removeprefix(f"{namespace}:{{")
    return bool(found and tail and shard != head and shard.isascii() and shard.isdigit())


@dataclass(frozen=True, slots=True)
class ShardKeys:
    """The keys and channels of one shard of one namespace."""

    namespace: str
    shard: int

    @property
    def base(self) -> str:
        """Return what every name of this shard begins with."""
        return f"{self.namespace}:{{{self.shard}}}:"

    @property
    def slot(self) -> int:
        """Return the slot of a Redis Cluster in which the whole shard lives."""
        return slot_of(self.base)

    @property
    def swarms(self) -> str:
        """Return the hash swarm name -> settings that admission needs (JSON)."""
        return self.base + SHARD_NAMES["swarms_key"]

    @property
    def cursor(self) -> str:
        """Return the hash with the id of the last admitted entry and the count of entries read."""
        return self.base + SHARD_NAMES["cursor_key"]

    @property
    def requests(self) -> str:
        """Return the ingress stream."""
        return self.base + SHARD_NAMES["requests_key"]

    @property
    def bell(self) -> str:
        """Return the stream that wakes idle workers for work that came without an XADD to requests."""
        return self.base + SHARD_NAMES["bell_key"]

    @property
    def ready(self) -> str:
        """Return the list of sids with waiting requests and no holder."""
        return self.base + SHARD_NAMES["ready_key"]

    @property
    def delayed(self) -> str:
        """Return the zset of sids that wait for a retry; score = due ms."""
        return self.base + SHARD_NAMES["delayed_key"]

    @property
    def sessions(self) -> str:
        """Return the zset of idle sessions; score = when they expire, ms."""
        return self.base + SHARD_NAMES["sessions_key"]

    @property
    def workers(self) -> str:
        """Return the zset of live workers; score = lease end, ms."""
        return self.base + SHARD_NAMES["workers_key"]

    @property
    def suspects(self) -> str:
        """Return the list of reclaimed sids whose head request has been tried before."""
        return self.base + SHARD_NAMES["suspects_key"]

    @property
    def bans(self) -> str:
        """Return the set that indexes all bans, for listing."""
        return self.base + SHARD_NAMES["bans_key"]

    @property
    def dead(self) -> str:
        """Return the dead-letter stream."""
        return self.base + SHARD_NAMES["dead_key"]

    @property
    def events(self) -> str:
        """Return the capped stream of bus events, one entry per committed turn."""
        return self.base + SHARD_NAMES["events_key"]

    @property
    def sampler(self) -> str:
        """Return the string that says who shows the figures of the whole cluster; it expires."""
        return self.base + SHARD_NAMES["sampler_key"]

    def held(self, worker_id: str) -> str:
        """Return the set of sids that a worker holds."""
        return self._named("held_key", worker_id)

    def ops(self, worker_id: str) -> str:
        """Return the hash with the last operation number and answer per kind of a worker."""
        return self._named("ops_key", worker_id)

    def session(self, sid: str) -> str:
        """Return the hash of one session."""
        return self._named("session_key", sid)

    def mailbox(self, sid: str) -> str:
        """Return the list of admitted requests of a session, oldest first."""
        return self._named("mailbox_key", sid)

    def control(self, sid: str) -> str:
        """Return the list of admitted control requests of a session."""
        return self._named("control_key", sid)

    def history(self, sid: str) -> str:
        """Return the list of chat records of a session."""
        return self._named("history_key", sid)

    def journal(self, sid: str) -> str:
        """Return the hash of finished steps of the turn under way."""
        return self._named("journal_key", sid)

    def outbox(self, sid: str) -> str:
        """Return the stream of what was sent to the client, for resuming."""
        return self._named("outbox_key", sid)

    def banned(self, sid: str) -> str:
        """Return the set of policies that ban this client in this swarm."""
        return self._named("banned_key", sid)

    def result(self, request_id: str) -> str:
        """Return the string that holds the marker of a request, then its terminal reply."""
        return self._named("result_key", request_id)

    def shared(self, name: str) -> str:
        """Return the hash of a state that all sessions share; it lives in the shard of its name."""
        return self._named("shared_key", name)

    def applied(self, request_id: str) -> str:
        """Return the hash of changes that a request has made to the shared states of this shard."""
        return self._named("applied_key", request_id)

    def client_channel(self, sid: str) -> str:
        """Return the channel that carries everything meant for the client of one session."""
        return self._named("client_channel", sid)

    def bus_channel(self, client_id: str) -> str:
        """Return the channel with the bus events of one client."""
        return self._named("bus_channel", client_id)

    def reply_channel(self, name: str) -> str:
        """Return a reply-to channel; `name` is the sender's choice."""
        return self._named("reply_channel", name)

    def worker_channel(self, worker_id: str) -> str:
        """Return the channel on which a worker gets hints."""
        return self._named("worker_channel", worker_id)

    def _named(self, attribute: str, name: str) -> str:
        return f"{self.namespace}:{{{self.shard}}}:{NAMED_PREFIXES[attribute]}{name}"


def lua_prelude() -> str:
    """Return Lua locals for all prefixes: `base` must be set; each `<attribute>_prefix` then ends before the name."""
    lines = [f"local {attribute}_prefix = base .. '{prefix}'" for attribute, prefix in NAMED_PREFIXES.items()]
    return "\n".join(lines)
