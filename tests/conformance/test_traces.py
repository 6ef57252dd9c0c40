"""Golden traces: every bus event of a scenario, whole and in order, as channel and events stream have them.

The files hold one event a line, without its time. After a change that is meant to change them: delete a file, and the
failing test prints what belongs into it.
"""

import json
from itertools import pairwise

import pytest

from schemas.events import parse_turn_events
from tests.acceptance.wire import Item, Listener
from tests.conformance.conftest import Serve
from tests.conformance.test_control import Door
from tests.conformance.traces import INTERNAL, SCENARIOS, traced
from tests.helpers.eventually import eventually
from tests.helpers.processes import ROOT

TRACES = ROOT / "tests/golden/traces"


@pytest.mark.parametrize("name", SCENARIOS)
async def test_the_events_of_a_scenario_are_those_of_its_golden_trace(name: str, serve: Serve, redis_url: str) -> None:
    door = Door()
    client = await serve(traced(door))
    async with client.wire.listen(client.wire.bus_channel("alice")) as bus:
        ids = await SCENARIOS[name](client, door, redis_url)
        stored = {id_: await eventually(lambda id_=id_: _stored(client.wire.redis, id_)) for id_ in ids}
        published = await _published(bus, {id_: len(events) for id_, events in stored.items()})
    for id_ in ids:
        assert published[id_] == stored[id_]
        assert all(one["atMs"] <= next_one["atMs"] for one, next_one in pairwise(stored[id_]))
        assert len(parse_turn_events(json.dumps(stored[id_]))) == len(stored[id_])
    text = "".join(_line(event) for id_ in ids for event in stored[id_])
    path = TRACES / f"{name}.jsonl"
    assert path.exists(), text
    assert text == path.read_text()


def test_each_golden_trace_has_its_scenario() -> None:
    assert {path.stem for path in TRACES.glob("*.jsonl")} == set(SCENARIOS)


async def _stored(redis: object, request_id: str) -> list[Item]:
    entries = await redis.xrange("swarmline:{0}:events")
    lists: list[list[Item]] = [json.loads(fields[b"data"]) for _, fields in entries]
    return next((events for events in lists if _id_of(events[0]) == request_id), [])


async def _published(bus: Listener, counts: dict[str, int]) -> dict[str, list[Item]]:
    heard: dict[str, list[Item]] = {id_: [] for id_ in counts}
    while any(len(heard[id_]) < count for id_, count in counts.items()):
        event = await bus.next()
        heard.setdefault(_id_of(event), []).append(event)
    return heard


def _id_of(event: Item) -> str:
    return INTERNAL if event["requestId"].startswith(INTERNAL) else str(event["requestId"])


def _line(event: Item) -> str:
    timeless = {name: value for name, value in event.items() if name != "atMs"} | {"requestId": _id_of(event)}
    return json.dumps(timeless, ensure_ascii=False) + "\n"
