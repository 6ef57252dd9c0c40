"""Which names, ids and sizes the protocol allows, and which shard a client belongs to."""

import re
from zlib import crc32

from schemas.keyspace import ShardKeys

PROTOCOL_VERSION = 1

#: swarm, agent, policy and tool names, and topics of custom events
NAME_PATTERN = r"[A-Za-z0-9_.-]{1,64}"
REQUEST_ID_PATTERN = r"[A-Za-z0-9_.:-]{1,128}"
#: any script, but nothing that an ACL glob, a hash tag or a line break could be made of
CLIENT_ID_PATTERN = (
    r"[^*?\[\]{}\\^\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ud800-\udfff]{1,128}"
)
#: the same for people
CLIENT_ID_RULE = "must have 1 to 128 characters, no blanks, no controls and none of * ? [ ] { } \\ ^"
NAMESPACE_PATTERN = r"[A-Za-z0-9_.:-]{1,64}"

#: nested lists and objects of a body, itself included
DEPTH_MAX = 32
# what holds where neither settings nor the swarm say otherwise
BODY_MAX_BYTES = 262_144
OUTPUT_MAX_BYTES = 1_048_576
#: waiting requests of one session
MAILBOX_MAX = 1_000
#: how long a terminal reply is kept, from the moment it is written
RESULT_TTL_S = 300

_NAME = re.compile(NAME_PATTERN)
_REQUEST_ID = re.compile(REQUEST_ID_PATTERN)
_CLIENT_ID = re.compile(CLIENT_ID_PATTERN)
_NAMESPACE = re.compile(NAMESPACE_PATTERN)
_REPLY_TO = re.compile(r"[A-Za-z0-9_.:{}-]{1,256}")


def is_name(text: str) -> bool:
    """Tell whether `text` may name a swarm, agent, policy, tool or topic."""
    return _NAME.fullmatch(text) is not None


def is_request_id(text: str) -> bool:
    """Tell whether `text` may be a request id."""
    return _REQUEST_ID.fullmatch(text) is not None


def is_client_id(text: str) -> bool:
    """Tell whether `text` may be a client id: 1 to 128 code points, no blanks, no glob or brace characters."""
    return _CLIENT_ID.fullmatch(text) is not None


def is_namespace(text: str) -> bool:
    """Tell whether `text` may be a namespace, the first part of every key."""
    return _NAMESPACE.fullmatch(text) is not None


def is_reply_to(channel: str, shard_keys: ShardKeys) -> bool:
    """Tell whether a worker may publish a reply on `channel`: it must be a reply channel of the request's own shard."""
    return channel.startswith(shard_keys.reply_channel("")) and _REPLY_TO.fullmatch(channel) is not None


def shard_of(client_id: str, shards: int) -> int:
    """Return the number of the shard that serves `client_id`, from 0 to `shards` - 1."""
    return crc32(client_id.encode()) % shards if shards > 1 else 0
