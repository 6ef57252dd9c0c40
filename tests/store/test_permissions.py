"""What a Redis user may not do is found by asking, before any script is run."""

from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import urlsplit

import pytest
import redis.asyncio as redis_asyncio

from schemas.keyspace import ShardKeys
from worker.store.link import Link
from worker.store.permissions import Need, housekeeping_needs, refused, worker_needs

KEYS = ShardKeys("swarmline", 0)
#: what can't be told from its keys: see ALONE in worker/store/permissions.py
GRANTED = tuple(sorted({need.right for need in worker_needs(KEYS) if need.right.startswith("+")} | {"+set"}))
NAMES = tuple(sorted({need.right for need in worker_needs(KEYS) if need.right.startswith("~")}))
#: without these nobody can be asked
ASKING = {"+eval", "+evalsha"}

As = Callable[..., Awaitable[list[str]]]


@pytest.fixture
async def lacking(redis: redis_asyncio.Redis, redis_url: str) -> AsyncIterator[As]:
    """Hand out a function that makes a user with the given rules and returns what a worker would lack as that user."""
    made: list[Link] = []

    async def as_user(*rules: str, needs: list[Need] | None = None) -> list[str]:
        await redis.execute_command("ACL", "SETUSER", "someone", "reset", "on", ">pw", *rules)
        made.append(Link(f"unix://someone:pw@{urlsplit(redis_url).path}"))
        return await refused(made[-1], needs or list(worker_needs(KEYS)))

    yield as_user
    for link in made:
        await link.close()
    await redis.execute_command("ACL", "DELUSER", "someone")


async def test_a_user_with_exactly_the_rights_of_the_table_lacks_nothing(lacking: As) -> None:
    assert await lacking("~swarmline:*", "&swarmline:*", *GRANTED) == []


@pytest.mark.parametrize("right", sorted(set(GRANTED) - ASKING - {"+set"}))
async def test_each_command_that_is_missing_is_named(lacking: As, right: str) -> None:
    rules = [granted for granted in GRANTED if granted != right]
    assert await lacking("~swarmline:*", "&swarmline:*", *rules) == [right]


@pytest.mark.parametrize("right", NAMES)
async def test_each_key_that_is_missing_is_named(lacking: As, right: str) -> None:
    rules = [name for name in NAMES if name != right]
    found = await lacking("&swarmline:*", *GRANTED, *rules)
    assert [line.partition(" (")[0] for line in found] == [right]


async def test_a_key_that_may_only_be_read_is_not_enough(lacking: As) -> None:
    found = await lacking("%R~swarmline:*", "&swarmline:*", *GRANTED)
    assert "~swarmline:{0}:result:~ (set, del)" in found
    assert not any(line.startswith("~swarmline:{0}:mailbox:~") and "lrange" in line for line in found)


async def test_a_result_that_may_only_be_written_is_not_enough(lacking: As) -> None:
    others = [name for name in NAMES if ":result:" not in name]
    found = await lacking("%W~swarmline:{0}:result:*", "&swarmline:*", *GRANTED, *others)
    assert found == ["~swarmline:{0}:result:~ (set)"]


async def test_channels_that_are_missing_are_named(lacking: As) -> None:
    found = await lacking("~swarmline:*", "&swarmline:{0}:client:*", "&swarmline:{0}:bus:*", *GRANTED)
    assert found == ["&swarmline:{0}:reply:~ (publish)", "&swarmline:{0}:worker:~ (publish, subscribe)"]


async def test_what_housekeeping_lacks_is_named(lacking: As) -> None:
    needs = list(housekeeping_needs("swarmline"))
    rights = {need.right for need in needs if need.right.startswith("+")}
    assert await lacking("~arq:*", "~swarmline:arq*", *rights, needs=needs) == []
    assert await lacking("~arq:*", *rights, needs=needs) == [
        "~swarmline:arq (6 commands)",
        "~swarmline:arq:health-check (psetex, del)",
    ]
