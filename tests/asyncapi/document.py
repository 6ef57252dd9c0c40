"""The AsyncAPI document of the wire protocol: channels, operations and messages, made of the models."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from schemas.events import Source
from schemas.keyspace import NAMED_PREFIXES, SHARD_NAMES
from schemas.names import PROTOCOL_VERSION
from schemas.requests import RequestKind
from tests.asyncapi.shapes import Json, entry_name, event_name, ref, schemas

GOLDEN = Path(__file__).parents[1] / "golden"

PARAMETERS: Json = {
    "namespace": {"description": "First part of every key and channel.", "default": "swarmline"},
    "shard": {
        "description": "The number of the shard in braces, which are part of the name: crc32(clientId) mod shards.",
        "default": "{0}",
        "examples": ["{0}", "{11}"],
    },
    "swarmName": {"description": "With whom the client speaks: 1 to 64 of A-Z a-z 0-9 _ . -"},
    "clientId": {"description": "Who speaks: 1 to 128 characters, none of * ? [ ] { } \\ ^ and no blanks."},
    "requestId": {"description": "The id that the sender has chosen: 1 to 128 of A-Z a-z 0-9 _ . : -"},
    "name": {"description": "Chosen by the sender; the whole channel has at most 256 bytes of A-Z a-z 0-9 _ . : { } -"},
}
SID = "{swarmName}:{clientId}"

CLIENT_ITEMS = ("reply", "emit", "notify", "question")
EVENTS = (*(f"{source.removesuffix('-bus')}Event" for source in Source), "customEvent")


def document() -> Json:
    """Return the whole document; the same models give the same document."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Swarmline wire protocol",
            "version": str(PROTOCOL_VERSION),
            "description": "Conversations with swarms of LLM agents over Redis. A stream takes requests in; keys, "
            "streams and pub/sub channels bring out what came of them. docs/protocol.md says what the parts mean.",
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "redis": {
                "host": "localhost:6379",
                "protocol": "redis",
                "description": "Redis 7.0 or newer, or Valkey 7.2 or newer; `rediss` with TLS.",
            }
        },
        "channels": _channels(),
        "operations": _operations(),
        "components": {"parameters": PARAMETERS, "messages": _messages(), "schemas": schemas()},
    }


def _channels() -> Json:
    kinds = [_request(kind) for kind in RequestKind]
    return {
        "requests": _channel("stream", "requests_key", "", kinds, "XADD one entry with `*` as id and no MAXLEN."),
        "client": _channel(
            "pubsub", "client_channel", SID, [*CLIENT_ITEMS, "delta"], "All that is meant for the client of a session."
        ),
        "reply": _channel("pubsub", "reply_channel", "{name}", ["reply"], "What a request names as its `replyTo`."),
        "bus": _channel("pubsub", "bus_channel", "{clientId}", EVENTS, "Bus events of one client, live."),
        "result": _channel(
            "string", "result_key", "{requestId}", ["accepted", "reply"],
            "GET: the marker of a request under way, then its reply for the result TTL.",
        ),
        "outbox": _channel(
            "stream", "outbox_key", SID, CLIENT_ITEMS, "XRANGE, to resume; the JSON is in the field `data`."
        ),
        "events": _channel(
            "stream", "events_key", "", ["turnEvents"], "One entry for each committed turn, in the field `data`."
        ),
        "dead": _channel("stream", "dead_key", "", ["deadLetter"], "Entries that were given up."),
    }  # fmt: skip


def _channel(redis_type: str, attribute: str, name: str, messages: Sequence[str], description: str) -> Json:
    """Return a channel of one shard: `attribute` of schemas/keyspace.py, then a name with parameters."""
    spelled = {**SHARD_NAMES, **NAMED_PREFIXES}[attribute]
    address = f"{{namespace}}:{{shard}}:{spelled}{name}"
    used = [parameter for parameter in PARAMETERS if f"{{{parameter}}}" in address]
    return {
        "address": address,
        "description": description,
        "x-redis-type": redis_type,
        "parameters": {parameter: {"$ref": f"#/components/parameters/{parameter}"} for parameter in used},
        "messages": {message: {"$ref": f"#/components/messages/{message}"} for message in messages},
    }


def _operations() -> Json:
    """Return what Swarmline does: it receives requests, and sends everything else."""
    takes = {
        "action": "receive",
        "channel": {"$ref": "#/channels/requests"},
        "summary": "Take a request; one reply follows, at the result key, on the client channel and at replyTo.",
        "reply": {
            "address": {"location": "$message.payload#/replyTo", "description": "Where the sender wants it as well."},
            "channel": {"$ref": "#/channels/reply"},
            "messages": [{"$ref": "#/channels/reply/messages/reply"}],
        },
    }
    sends = {
        "tellClient": ("client", "Tell the client of a session what is said, as it is said."),
        "sendReply": ("reply", "Answer on the channel that the sender has named."),
        "publishEvents": ("bus", "Tell observers what happens in the sessions of a client."),
        "keepResult": ("result", "Keep the reply for who comes later."),
        "keepOutbox": ("outbox", "Keep what the client was told, for resuming."),
        "keepEvents": ("events", "Keep the events of committed turns."),
        "bury": ("dead", "Keep what could not be done, with the reason."),
    }
    operations: Json = {"takeRequest": takes}
    for name, (channel, summary) in sends.items():
        operations[name] = {"action": "send", "channel": {"$ref": f"#/channels/{channel}"}, "summary": summary}
    return operations


def _messages() -> Json:
    messages: Json = {}
    for kind in RequestKind:
        examples = ["request.all-fields"] if kind is RequestKind.EXECUTE else []
        messages[_request(kind)] = _message(
            f"Request of kind `{kind}`", entry_name(kind), [f"request.{kind}", *examples], "application/x-redis-stream"
        )
    statuses = [path.stem for path in sorted(GOLDEN.glob("reply.*.json"))]
    messages["reply"] = _message("The terminal reply of a request", "Reply", statuses)
    for item in ("emit", "notify", "question", "delta"):
        messages[item] = _message(f"Text for a client, of type `{item}`", item.title(), [f"client.{item}"])
    messages["accepted"] = _message("The marker of a request under way", "Accepted", ["result.accepted"])
    for source in Source:
        examples = [path.stem for path in _examples_of(source)]
        messages[f"{source.removesuffix('-bus')}Event"] = _message(
            f"Bus event of source `{source}`", event_name(source), examples
        )
    messages["customEvent"] = _message("Bus event of an application", "CustomEvent", ["event.custom"])
    messages["turnEvents"] = {
        "title": "All events of a committed turn, in order",
        "payload": {"type": "array", "items": ref("AnyEvent")},
    }
    messages["deadLetter"] = _message("A dead letter", "DeadLetter", ["dead"], "application/x-redis-stream")
    return messages


def _message(title: str, schema: str, examples: Iterable[str], content_type: str = "") -> Json:
    shown = [{"name": name, "payload": json.loads((GOLDEN / f"{name}.json").read_text())} for name in examples]
    message: Json = {"title": title, "payload": ref(schema)}
    if content_type:
        message["contentType"] = content_type
    return message | ({"examples": shown} if shown else {})


def _examples_of(source: Source) -> Iterable[Path]:
    for path in sorted(GOLDEN.glob("event.*.json")):
        example: Mapping[str, Any] = json.loads(path.read_text())
        if example.get("source") == source:
            yield path


def _request(kind: str) -> str:
    first, *others = kind.split("-")
    return first + "".join(word.title() for word in others) + "Request"
