"""A key of a wrong type stops a script before its first write, whichever of its keys it is: Lua is not rolled back."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import redis.asyncio as redis_asyncio
from redis.exceptions import RedisError

import worker.store
from tests.model.scene import CALLS, Scene
from tests.store.stage import Stage
from worker.errors import SwarmlineError

pytestmark = pytest.mark.unguarded_keyspace

LUA = Path(worker.store.__file__).parent / "lua"
SLOT = re.compile(r"^  KEYS\[\d+\]\s+(\w+)_key", re.MULTILINE)
#: they have no part in the line of requests; their own tests cover them
ELSEWHERE = {"dry_run", "update_shared"}


def slots() -> list[tuple[str, str]]:
    """Return (script, name of one of its keys) for every key in the header of every script."""
    scripts = sorted(path for path in LUA.glob("*.lua") if path.stem not in ELSEWHERE)
    return [(path.stem, name) for path in scripts for name in SLOT.findall(path.read_text())]


@pytest.fixture
async def scene(redis: redis_asyncio.Redis, redis_url: str) -> AsyncIterator[Scene]:
    """Hand out the shard in which every script has something to do."""
    stage = Stage(redis, redis_url)
    await stage.announce()
    scene = Scene(stage, redis_url)
    await scene.set_up()
    yield scene
    await scene.close()


def test_every_script_is_called() -> None:
    assert {script for script, _ in slots()} == CALLS.keys()


@pytest.mark.parametrize("script", CALLS)
async def test_every_script_has_something_to_do_in_the_scene(scene: Scene, script: str) -> None:
    before = await scene.dump()
    await CALLS[script](scene)
    assert script in {"begin_dispose", "trim"} or await scene.dump() != before


@pytest.mark.parametrize(("script", "name"), slots())
async def test_a_key_of_a_wrong_type_stops_a_script_before_its_first_write(
    scene: Scene, script: str, name: str
) -> None:
    key = scene.key(name, script)
    await scene.redis.delete(key)
    await scene.redis.set(key, "not what it should be")
    before = await scene.dump()
    with pytest.raises((SwarmlineError, RedisError), match="WRONGTYPE"):
        await CALLS[script](scene)
    assert await scene.dump() == before


@pytest.mark.parametrize("name", ["session", "mailbox", "control", "history", "journal", "outbox", "banned"])
@pytest.mark.parametrize("script", ["commit", "flush", "release"])
async def test_a_damaged_session_is_refused_whole_or_not_touched(scene: Scene, script: str, name: str) -> None:
    """Its own key is damaged; other sessions of the same call must not suffer, so the script does not fail."""
    key = f"{scene.keys.base}{name}:{scene.held.sid}"
    await scene.redis.delete(key)
    await scene.redis.set(key, "not what it should be")
    before = await scene.dump()
    (status,) = await CALLS[script](scene)
    after = await scene.dump()
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert after[key.encode()] == before[key.encode()]
    assert status == "ok" or changed <= {scene.keys.ops("alive").encode()}
