"""`swarmline dead` as somebody on call uses it, with the real command."""

import asyncio
import contextlib
import json
import os
import pty
import subprocess
import sys
from collections.abc import Mapping

import pytest
from redis.asyncio import Redis

from schemas.keyspace import ShardKeys
from tests.cli.shell import run
from tests.helpers.processes import ROOT, clean_environment

KEYS = ShardKeys("swarmline", 0)
LETTER = {
    "reason": "attempts_exhausted",
    "error": "the request was started 4 times and never finished",
    "attempts": "4",
    "atMs": "1795365314230",
    "orig.v": "1",
    "orig.requestId": "r-1",
    "orig.clientId": "alice",
    "orig.swarmName": "support",
    "orig.kind": "execute",
    "orig.deadlineMs": "1795365319000",
    "orig.body": '{"message":"Где мой заказ?"}',
}


async def bury(redis: Redis, shard: int = 0, **changed: str) -> str:
    """Write a dead letter; return its id as the command gives it."""
    fields: Mapping[str, str] = LETTER | {name.replace("_", "."): value for name, value in changed.items()}
    return f"{shard}/{(await redis.xadd(ShardKeys('swarmline', shard).dead, dict(fields))).decode()}"


def dead(url: str, *arguments: str) -> str:
    """Run `swarmline dead ...`; return what it printed."""
    ended = run("dead", *arguments, "--redis-url", url)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


async def sent(redis: Redis, shard: int = 0) -> list[dict[str, str]]:
    entries = await redis.xrange(ShardKeys("swarmline", shard).requests)
    return [{name.decode(): value.decode() for name, value in fields.items()} for _, fields in entries]


async def test_dead_letters_are_listed_newest_first_and_without_contents(redis: Redis, redis_url: str) -> None:
    assert dead(redis_url, "ls") == "no dead letters\n"
    assert json.loads(dead(redis_url, "ls", "--json")) == []
    first, second = await bury(redis), await bury(redis, orig_requestId="r-2", reason="bad_request")
    listed = json.loads(dead(redis_url, "ls", "--json"))
    assert [(one["id"], one["requestId"], one["reason"], one["attempts"]) for one in listed] == [
        (second, "r-2", "bad_request", 4),
        (first, "r-1", "attempts_exhausted", 4),
    ]
    lines = dead(redis_url, "ls").splitlines()
    assert lines[1].startswith(
        f"{first}  2026-11-22T16:35:14+00:00  attempts_exhausted  support alice execute r-1  the "
    )
    assert "заказ" not in dead(redis_url, "ls") + dead(redis_url, "ls", "--json")
    assert len(json.loads(dead(redis_url, "ls", "--json", "--count", "1"))) == 1
    assert [one["id"] for one in json.loads(dead(redis_url, "ls", "--json", "--reason", "bad_request"))] == [second]
    assert json.loads(dead(redis_url, "ls", "--json", "--client", "bob")) == []


async def test_dead_letters_are_counted_by_reason_and_a_list_says_what_it_leaves_out(
    redis: Redis, redis_url: str
) -> None:
    assert dead(redis_url, "reasons") == "no dead letters\n"
    for swarm in ("support", "support", "sales"):
        await bury(redis, orig_swarmName=swarm)
    await bury(redis, reason="malformed")
    counted = json.loads(dead(redis_url, "reasons", "--json"))
    assert [(group["reason"], group["swarm"], group["count"]) for group in counted] == [
        ("attempts_exhausted", "support", 2),
        ("attempts_exhausted", "sales", 1),
        ("malformed", "support", 1),
    ]
    assert dead(redis_url, "reasons").splitlines()[0].split() == ["REASON", "SWARM", "COUNT", "OLDEST", "NEWEST"]
    listed = run("dead", "ls", "--count", "3", "--redis-url", redis_url)
    assert listed.stderr == "the newest 3 of 4: --count lists more, `dead reasons` counts them\n"
    redriven = run("dead", "redrive", "--all", "--redis-url", redis_url)
    assert redriven.stderr == "4 sent again; what still has its reason comes back here\n"


def test_on_a_terminal_dropping_all_asks_first_and_long_work_shows_its_way(redis_url: str) -> None:
    async def two() -> None:
        async with Redis.from_url(redis_url) as redis:
            for _ in range(2):
                await bury(redis)

    asyncio.run(two())
    assert b"Delete 2 dead letters for good?" in typed(b"n\n", "dead", "drop", "--all", "--redis-url", redis_url)
    assert b"2/2" in typed(b"y\n", "dead", "drop", "--all", "--redis-url", redis_url)
    assert dead(redis_url, "ls") == "no dead letters\n"


def typed(answer: bytes, *arguments: str) -> bytes:
    """Run a command in a terminal, answer its question, and return what it painted."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "worker", *arguments]
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=ROOT, env=clean_environment()
    ) as ran:
        os.close(theirs)
        os.write(ours, answer)
        painted = b""
        with contextlib.suppress(OSError):  # the other end was closed
            while chunk := os.read(ours, 65_536):
                painted += chunk
        ran.wait(timeout=20)
    os.close(ours)
    return painted


async def test_one_dead_letter_is_shown_in_full(redis: Redis, redis_url: str) -> None:
    letter_id = await bury(redis)
    shown = json.loads(dead(redis_url, "show", letter_id, "--json"))
    assert shown["original"]["body"] == LETTER["orig.body"]
    assert (shown["reason"], shown["swarmName"]) == ("attempts_exhausted", "support")
    assert "orig.body            " + LETTER["orig.body"] in dead(redis_url, "show", letter_id)


async def test_what_an_entry_holds_does_not_steer_the_terminal(redis: Redis, redis_url: str) -> None:
    letter_id = await bury(redis, orig_kind="\x1b[2Jgone", orig_body="one\ntwo")
    shown = dead(redis_url, "ls") + dead(redis_url, "show", letter_id)
    assert shown.count(r"\x1b[2Jgone") == 3
    assert r"one\ntwo" in shown
    assert "\x1b" not in shown


async def test_a_redriven_letter_is_sent_under_a_new_id_and_is_gone(redis: Redis, redis_url: str) -> None:
    letter_id = await bury(redis)
    assert dead(redis_url, "redrive", letter_id) == f"{letter_id} -> r-1.r1\n"
    original = {name.removeprefix("orig."): value for name, value in LETTER.items() if name.startswith("orig.")}
    assert await sent(redis) == [original | {"requestId": "r-1.r1", "orig.requestId": "r-1"}]
    assert await redis.xlen(KEYS.dead) == 0


async def test_ids_of_redriven_requests_count_up_and_are_cut(redis: Redis, redis_url: str) -> None:
    await bury(redis, orig_requestId="r-1.r1")
    await bury(redis, orig_requestId="x" * 128)
    await bury(redis, orig_requestId="no id")
    dead(redis_url, "redrive", "--all", "--drop-deadline")
    entries = await sent(redis)
    assert [entry["requestId"] for entry in entries[:2]] == ["r-1.r2", "x" * 100 + ".r1"]
    assert (len(entries[2]["requestId"]), entries[2]["orig.requestId"]) == (32, "no id")
    assert all("deadlineMs" not in entry for entry in entries)


async def test_a_request_that_was_sent_to_the_wrong_shard_is_redriven_to_its_own(redis: Redis, redis_url: str) -> None:
    await redis.hset("swarmline:meta", mapping={"protocol": 1, "shards": 16})
    await bury(redis, shard=3, reason="bad_shard")
    dead(redis_url, "redrive", "--all", "--reason", "bad_shard")
    assert [entry["requestId"] for entry in await sent(redis, shard=7)] == ["r-1.r1"]


async def test_only_what_was_meant_is_dropped(redis: Redis, redis_url: str) -> None:
    first, second, third = await bury(redis), await bury(redis, orig_swarmName="sales"), await bury(redis)
    assert dead(redis_url, "drop", first) == "1 dropped\n"
    assert json.loads(dead(redis_url, "drop", "--all", "--swarm", "sales", "--json")) == {"dropped": 1}
    assert [one["id"] for one in json.loads(dead(redis_url, "ls", "--json"))] == [third]
    assert second != third
    assert await redis.xlen(KEYS.requests) == 0


async def test_an_entry_that_is_no_dead_letter_can_be_dropped_only(redis: Redis, redis_url: str) -> None:
    letter_id = f"0/{(await redis.xadd(KEYS.dead, {'rub': 'bish'})).decode()}"
    assert letter_id in dead(redis_url, "ls")
    refused = run("dead", "redrive", letter_id, "--redis-url", redis_url)
    assert (refused.returncode, "dead drop" in refused.stderr) == (2, True)
    readable = await bury(redis)
    assert dead(redis_url, "redrive", "--all") == f"{readable} -> r-1.r1\n", "it does not stop the others"
    assert dead(redis_url, "drop", letter_id) == "1 dropped\n"


@pytest.mark.parametrize(
    "wrong",
    [
        ("show", "yesterday"),
        ("show", "0/1-1"),
        ("redrive",),
        ("drop",),
        ("drop", "0/1-1", "--all"),
        ("ls", "--reason", "x"),
    ],
)
async def test_what_is_typed_wrong_is_a_usage_error(redis_url: str, wrong: tuple[str, ...]) -> None:
    ended = run("dead", *wrong, "--redis-url", redis_url)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "Traceback" not in ended.stderr


def test_without_redis_the_command_ends_with_69() -> None:
    ended = run("dead", "ls", "--redis-url", "redis://127.0.0.1:1")
    assert ended.returncode == 69
    assert "Traceback" not in ended.stderr
