"""Entries for the requests stream that no honest producer sends, from a seed: the same seed makes the same ones."""

import json
import random
from collections.abc import Callable, Iterator

from schemas.requests import RequestKind

Entry = dict[str | bytes, str | bytes]

NAMES = ("v", "requestId", "clientId", "swarmName", "kind", "body", "whenBusy", "force", "replyTo", "deadlineMs")
MORE_NAMES = ("traceparent", "tracestate", "sentAtMs", "orig.requestId", "mark2", "", "v ", "requestid", "\x00", "é")
KINDS = tuple(kind.value for kind in RequestKind)
ODD_TEXTS = (
    "", " ", "\x00", "\n", "\t\t\t", "0", "-1", "1e999", "9" * 400, "NaN", "null", "true", "{}", "[]", "*", "a*b",
    "{0}", "\\", "a b", "a\u2003b", "\u202egnp", "é" * 200, "x" * 129, "x" * 600, "🦆" * 128, "../../etc/passwd",
    "%s%n", "'; DROP", "~ttl-1-1", "swarmline:{0}:reply:x", "swarmline:{1}:reply:x", "swarmline:{0}:bus:alice",
    "__proto__", "\u0085", "\ud7ff", "execute\n",
)  # fmt: skip
ODD_JSON = (
    "", "{", "}", "[", "null", "1", '"text"', "[]", "{}", '{"message":}', '{"message":null}', '{"message":1e999}',
    '{"message":NaN}', '{"message":"a","message":"b"}', '{"message":"\\ud800"}', '{"message":"\\u0000"}', "\ufeff{}",
    '{"message":{"message":{}}}', '{"message":["a"]}', '{"mode":"user"}', '{"message":"x","mode":7}',
    "{'message':'x'}", '{"message":"x","agentName":"*"}', '{"message":"x","payload":{"a":1.0000000000000000000001}}',
    '{"policyName":"nobody"}', '{"toolId":"x","content":"y"}', '{"request":[{"toolName":"t","params":3}]}',
    '{"topic":"a b","payload":1}', '{"agentName":1}', '{"message":"x","unknown":' + "1" * 5000 + "}",
    '{"reason":"ttl"}', '{"message":"' + "\\u00e9" * 5000 + '"}',
)  # fmt: skip
DEPTHS = (31, 32, 33, 1_000, 50_000)
#: just above what a body may have
HUGE_BYTES = 270_000


def entries(seed: int, count: int) -> Iterator[Entry]:
    """Yield `count` entries; each begins with a field `mark`, by which it is found again."""
    chance = random.Random(seed)  # noqa: S311 - a seed that can be repeated is the point
    for number in range(count):
        entry: Entry = {"mark": f"m-{seed}-{number}"}
        entry |= _good(chance, number)
        for _ in range(chance.randint(1, 3)):
            chance.choices(DISTORTIONS, WEIGHTS)[0](chance, entry)
        yield entry


def _good(chance: random.Random, number: int) -> Entry:
    client_id = f"client-{chance.randint(0, 300)}"
    body = json.dumps({"message": f"message {number}"})
    return {
        "v": "1",
        "requestId": f"r-{number}",
        "clientId": client_id,
        "swarmName": "leaky",
        "kind": chance.choice(KINDS),
        "body": body,
    }


def _leave_out(chance: random.Random, entry: Entry) -> None:
    entry.pop(chance.choice(NAMES), None)


def _say_odd(chance: random.Random, entry: Entry) -> None:
    entry[chance.choice(NAMES)] = chance.choice(ODD_TEXTS)


def _say_bytes(chance: random.Random, entry: Entry) -> None:
    entry[chance.choice(NAMES)] = chance.randbytes(chance.randint(1, 60))


def _odd_body(chance: random.Random, entry: Entry) -> None:
    entry["body"] = chance.choice(ODD_JSON)


def _cut_body(chance: random.Random, entry: Entry) -> None:
    body = entry.get("body", b"{}")
    raw = body.encode() if isinstance(body, str) else body
    at = chance.randint(0, max(0, len(raw) - 1))
    entry["body"] = raw[:at] + chance.randbytes(chance.randint(0, 3)) + raw[at + 1 :]


def _deep_body(chance: random.Random, entry: Entry) -> None:
    depth, (opens, closes) = chance.choice(DEPTHS), chance.choice((("[", "]"), ('{"a":', "}")))
    closing = closes * depth if chance.random() < 0.5 else ""
    entry["body"] = f'{{"message":"x","payload":{opens * depth}1{closing}}}'


def _huge(chance: random.Random, entry: Entry) -> None:
    entry[chance.choice(NAMES)] = chance.choice("x[{\\é") * HUGE_BYTES


def _many_fields(chance: random.Random, entry: Entry) -> None:
    for number in range(chance.choice((10, 60, 200))):
        entry[f"field-{number}"] = "1"


def _foreign_field(chance: random.Random, entry: Entry) -> None:
    entry[chance.choice((*MORE_NAMES, chance.randbytes(5)))] = chance.choice(ODD_TEXTS)


def _swap(chance: random.Random, entry: Entry) -> None:
    one, other = chance.sample(NAMES, 2)
    entry[one], entry[other] = entry.get(other, "x"), entry.get(one, "x")


def _same_id(chance: random.Random, entry: Entry) -> None:
    entry["requestId"] = f"again-{chance.randint(0, 50)}"


#: how, and how often
DISTORTIONS: tuple[Callable[[random.Random, Entry], None], ...] = (
    _leave_out, _say_odd, _say_bytes, _odd_body, _cut_body, _deep_body, _huge, _many_fields, _foreign_field,
    _swap, _same_id,
)  # fmt: skip
WEIGHTS = (20, 30, 15, 25, 10, 2, 0.3, 2, 10, 8, 4)
