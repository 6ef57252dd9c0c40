"""Entries that are no requests: what a broken or a hostile producer may put on the stream."""

import json
import random
from collections.abc import Iterator, Mapping

#: a field that our dead letters keep, whoever buries the entry
MARK = "requestId"
DEPTH = 100_000


def rubbish(mark: str, chance: random.Random) -> Iterator[list[str | bytes]]:
    """Yield the flat fields of some entries; each ends as exactly one dead letter, which names `<mark>-<number>`."""
    for number, entry in enumerate(_entries(chance)):
        known = f"{mark}-{number}"
        fields: dict[str | bytes, str | bytes] = {"mark": known, **entry}
        if fields.get(MARK) == "":
            fields[MARK] = known
        yield [part for pair in fields.items() for part in pair]


def _entries(chance: random.Random) -> Iterator[Mapping[str | bytes, str | bytes]]:
    yield {"x": "1"}
    yield {chance.randbytes(20): chance.randbytes(200)}
    good = {"v": "1", MARK: "", "clientId": "rubbish", "swarmName": "chain", "kind": "execute"}
    for missing in good:
        yield {name: value for name, value in good.items() if name != missing}
    for name, wrong in _wrong_fields(chance):
        yield {**good, name: wrong}
    for body in ("{", "[]", '{"message":1}', '{"message":NaN}', '{"message":"a","message":"b"}', "[" * DEPTH):
        yield {**good, "body": body}
    yield {**good, "body": json.dumps({"massage": "x"})}


def _wrong_fields(chance: random.Random) -> Iterator[tuple[str, str | bytes]]:
    yield "v", "2"
    yield MARK, "no blanks, please"
    yield "clientId", "star*"
    yield "clientId", b"\xff" + chance.randbytes(12)
    yield "swarmName", "{0}"
    yield "swarmName", "nobody"
    yield "kind", "shout"
    yield "replyTo", "somewhere:else"
    yield "deadlineMs", "soon"
    yield "body", "x" * 300_000
