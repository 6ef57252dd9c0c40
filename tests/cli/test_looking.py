"""Sessions, queues, workers and bans, as a person on call sees and changes them from the shell."""

import asyncio
import json
from pathlib import Path

import pytest
import redis.asyncio as redis_asyncio

from tests.cli.shell import Shell, run
from tests.helpers.eventually import eventually
from worker.embedded.process import free_port


async def test_sessions_are_listed_and_shown_with_history_and_state(shell: Shell) -> None:
    await asyncio.gather(
        shell.wire.ask("alice", "guarded", "count"),
        shell.wire.ask("bob", "support", "go to sales"),
        shell.wire.ask("alice", "support", "Hello"),
    )
    every = shell.rows("sessions", "ls")
    assert {(row["client"], row["swarm"], row["status"]) for row in every} == {
        ("alice", "guarded", "idle"),
        ("bob", "support", "idle"),
        ("alice", "support", "idle"),
    }
    (hello,) = [row for row in every if (row["client"], row["swarm"]) == ("alice", "support")]
    assert (hello["records"], hello["waiting"]) == (2, 0)
    assert len(shell.rows("sessions", "ls", "--count", "2")) == 2
    assert [row["swarm"] for row in shell.rows("sessions", "ls", "--swarm", "guarded")] == ["guarded"]
    assert len(shell.rows("sessions", "ls", "--client", "alice")) == 2
    assert shell.rows("sessions", "ls", "--status", "held") == []
    bob = shell.rows("sessions", "show", "bob", "support")
    assert (bob["activeAgent"], bob["stack"], bob["turn"]) == ("sales", ["sales"], 1)
    assert [record["content"] for record in bob["history"]][-1] == "sales is here"
    assert [item["type"] for item in bob["outbox"]] == ["reply"]
    alice = shell.run("sessions", "show", "alice", "guarded", "--history", "1")
    assert '"counter": 1' in alice.stdout
    assert "history (1)" in alice.stdout
    assert "counted 1" in alice.stdout
    table = shell.run("sessions", "ls").stdout.splitlines()
    assert table[0].split()[:4] == ["CLIENT", "SWARM", "STATUS", "HOLDER"]
    assert len(table) == 4


async def test_what_a_worker_holds_and_what_waits_is_seen_while_it_runs(shell: Shell) -> None:
    running = await shell.wire.say("alice", "support", "wait at door-1")
    await shell.backstage.reached("door-1")
    waiting = await shell.wire.say("alice", "support", "next")
    await shell.wire.accepted(waiting)
    (row,) = shell.rows("workers", "ls", role="observer")
    assert (row["worker"], row["state"], row["held"], row["shards"]) == (shell.worker_id, "live", 1, 1)
    assert 0 < row["lease_s"] <= 10
    (held,) = shell.rows("workers", "show", shell.worker_id[:6], role="observer")
    assert (held["client"], held["swarm"], held["request"], held["waiting"]) == ("alice", "support", running, 2)
    (session,) = shell.rows("sessions", "ls", "--status", "held")
    assert session["holder"] == shell.worker_id
    shown = shell.rows("sessions", "show", "alice", "support")
    assert [request["requestId"] for request in shown["waiting"]] == [running, waiting]
    assert shown["waiting"][1]["body"] == {"message": "next"}
    first, *_ = shell.run("sessions", "show", "alice", "support").stdout.splitlines()
    assert f"worker {shell.worker_id} runs execute {running}, accepted " in first
    assert first.endswith("try 1; 1 more wait behind it")
    (queue,) = shell.rows("queues", role="observer")
    assert (queue["shard"], queue["workers"], queue["held"], queue["idle"], queue["dead"]) == (0, 1, 1, 0, 0)
    shell.backstage.open("door-1")
    await shell.wire.reply_of(waiting)


async def test_that_nobody_consumes_is_said_first_wherever_one_looks(shell: Shell) -> None:
    shell.worker.kill()
    await shell.wire.redis.zadd("swarmline:{0}:workers", {shell.worker_id: 1})
    await shell.wire.say("alice", "support", "Is anybody there?")
    for verb in (("workers", "ls"), ("queues",)):
        assert shell.run(*verb, role="observer").stdout.startswith("no worker is live: nothing is answered until one")
    (row,) = shell.rows("workers", "ls", role="observer")
    assert row["state"] == "dead"
    diagnosis = shell.run("doctor", role="worker")
    assert "none is live, and requests wait, the oldest for " in diagnosis.stdout
    assert diagnosis.returncode == 0, "a worker would start"


async def test_which_steps_of_a_slow_turn_are_finished_is_seen(shell: Shell) -> None:
    await shell.wire.say("alice", "support", "wait at door-3")
    await shell.backstage.reached("door-3")
    journal = "swarmline:{0}:journal:support:alice"
    (request_id,) = [request["requestId"] for request in shell.rows("sessions", "show", "alice", "support")["waiting"]]
    call = {"id": "c-1", "type": "function", "function": {"name": "look_up", "arguments": {}}}
    record = {"name": "completion", "input": "", "result": {"content": "", "toolCalls": [call]}}
    await shell.wire.redis.hset(journal, mapping={f"{request_id}/step/1": json.dumps(record), "other/step/1": "{}"})
    shown = shell.run("sessions", "show", "alice", "support").stdout
    assert "steps (1)\n  completion, asks for look_up\n" in shown
    for number in range(11):
        last = await shell.wire.say("alice", "support", f"message {number}")
    await shell.wire.accepted(last)
    assert "and 2 more; --json has all" in shell.run("sessions", "show", "alice", "support").stdout
    await shell.wire.redis.delete(journal)
    shell.backstage.open("door-3")


async def test_a_session_is_disposed_and_with_force_at_once(shell: Shell) -> None:
    await shell.wire.ask("alice", "support", "Hello")
    assert shell.run("sessions", "dispose", "alice", "support").returncode == 0
    assert await shell.wire.keys_of("session:support:alice") == []
    gone = shell.run("sessions", "show", "alice", "support")
    assert (gone.returncode, gone.stderr) == (1, "alice has no session in swarm support\n")
    running = await shell.wire.say("alice", "support", "wait at door-2")
    await shell.backstage.reached("door-2")
    forced = shell.rows("sessions", "dispose", "alice", "support", "--force")
    assert forced["status"] == "completed"
    assert (await shell.wire.reply_of(running))["status"] == "cancelled"


async def test_a_ban_is_added_listed_and_lifted(shell: Shell) -> None:
    assert shell.rows("bans", "ls") == []
    assert shell.run("bans", "add", "dave", "guarded", "polite").returncode == 0
    assert shell.rows("bans", "ls", role="observer") == [{"client": "dave", "swarm": "guarded", "policy": "polite"}]
    assert shell.rows("bans") == shell.rows("bans", "ls"), "without a verb it lists"
    assert (await shell.wire.ask("dave", "guarded", "Hello"))["status"] == "refused"
    assert shell.run("bans", "remove", "dave", "guarded", "polite").returncode == 0
    assert (await shell.wire.ask("dave", "guarded", "Hello"))["status"] == "completed"
    assert shell.run("ban", "dave", "guarded", "safe").returncode == 0
    assert [row["policy"] for row in shell.rows("bans", "ls")] == ["safe"]
    assert shell.run("unban", "dave", "guarded", "safe").returncode == 0
    unknown = shell.run("ban", "dave", "guarded", "nosuch")
    assert unknown.returncode == 1
    assert "polite, safe, discreet" in unknown.stderr


def test_options_of_bans_before_a_verb_are_refused_instead_of_lost() -> None:
    ended = run("bans", "--redis-url", "redis://127.0.0.1:1", "ls")
    assert ended.returncode == 2
    assert "behind the verb" in ended.stderr


LOOKING = (
    ("sessions", "ls"), ("sessions", "show", "a", "b"), ("sessions", "dispose", "a", "b", "--timeout-s", "1"),
    ("queues",), ("workers", "ls"), ("workers", "show", "x"), ("bans", "ls"),
    ("ban", "a", "b", "c", "--timeout-s", "1"), ("export", "a", "b", "--timeout-s", "1"),
)  # fmt: skip
#: each of these waits for a reply, and can be told how long
SENDING = [verb for verb in (*LOOKING, ("send", "a", "b", "hi", "--timeout-s", "1")) if "--timeout-s" in verb]


@pytest.mark.parametrize("verb", LOOKING, ids=" ".join)
def test_a_redis_that_is_gone_is_69_in_one_line(verb: tuple[str, ...]) -> None:
    ended = run(*verb, SWARMLINE_REDIS_URL=f"redis://:canary@127.0.0.1:{free_port()}")
    assert ended.returncode == 69
    assert ended.stdout == ""
    assert len(ended.stderr.splitlines()) == 1
    assert "canary" not in ended.stderr


@pytest.mark.parametrize("verb", SENDING, ids=" ".join)
def test_who_waits_for_a_second_waits_no_longer_for_redis(verb: tuple[str, ...]) -> None:
    ended = run(*verb, SWARMLINE_REDIS_URL=f"redis://127.0.0.1:{free_port()}")
    assert "within 1 s" in ended.stderr


@pytest.mark.parametrize("verb", [("queues",), ("dead", "ls"), ("check", "--redis-url", "{url}")], ids=" ".join)
async def test_a_namespace_that_somebody_overwrote_is_named(
    redis: redis_asyncio.Redis, redis_url: str, verb: tuple[str, ...]
) -> None:
    await redis.hset("swarmline:meta", mapping={"protocol": "1", "shards": "many"})
    ended = run(*(word.format(url=redis_url) for word in verb), SWARMLINE_REDIS_URL=redis_url)
    assert ended.returncode in (1, 78)
    assert "swarmline:meta holds no number of shards" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("sessions", "show", "a*", "support"), "can't be a client id"),
        (("sessions", "show", "alice", "sup port"), "can't be the name of a swarm"),
        (("sessions", "ls", "--swarm", "*"), "can't be the name of a swarm"),
        (("sessions", "ls", "--client", "{0}"), "can't be a client id"),
        (("sessions", "ls", "--status", "busy"), "should be one of idle"),
        (("sessions", "ls", "--count", "0"), "--count"),
        (("sessions", "dispose", "al*ce", "support"), "client_id"),
        (("workers", "show", "zzz"), "no worker has a lease whose id"),
        (("ban", "alice", "support", "a b"), "policy"),
        (("queues", "--colour"), "--colour"),
        (("sessions",), "dispose"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_can_not_be_meant_is_2_and_says_why(redis_url: str, arguments: tuple[str, ...], said: str) -> None:
    ended = run(*arguments, SWARMLINE_REDIS_URL=redis_url)
    assert ended.returncode == 2
    assert said in " ".join((ended.stderr + ended.stdout).replace("│", "").split())


async def test_a_user_without_the_rights_is_told_which_role_has_them(shell: Shell) -> None:
    refused = shell.run("sessions", "ls", role="observer")
    assert refused.returncode == 69
    assert "deploy/acl/admin.acl" in refused.stderr
    assert shell.roles.refused() == ["observer: command scan"]


@pytest.mark.unguarded_keyspace  # the wrong types are the point
async def test_a_damaged_session_can_still_be_looked_at(redis: redis_asyncio.Redis, redis_url: str) -> None:
    await redis.hset("swarmline:{0}:session:support:eve", mapping={"status": "idle", "document": "no JSON"})
    await redis.rpush("swarmline:{0}:history:support:eve", b"\xff no JSON")
    shown = run("sessions", "show", "eve", "support", "--json", SWARMLINE_REDIS_URL=redis_url)
    assert shown.returncode == 0, shown.stderr
    assert json.loads(shown.stdout)["history"] == ["� no JSON"]
    await redis.set("swarmline:{0}:history:support:eve", "overwritten")
    listed = run("sessions", "ls", SWARMLINE_REDIS_URL=redis_url)
    assert "eve" in listed.stdout


async def test_a_session_is_exported_into_a_file_that_only_its_owner_reads(shell: Shell, tmp_path: Path) -> None:
    await shell.wire.ask("alice", "guarded", "count")
    exported = shell.run("export", "alice", "guarded")
    assert json.loads(exported.stdout)["states"] == {"counter": 1}, exported.stderr
    out = tmp_path / "alice.json"
    assert shell.run("export", "alice", "guarded", "--out", str(out)).returncode == 0
    assert (json.loads(out.read_bytes())["clientId"], out.stat().st_mode & 0o777) == ("alice", 0o600)
    assert shell.run("export", "alice", "guarded", "--out", str(out)).returncode == 2
    assert shell.run("export", "nobody", "guarded").returncode == 1


async def test_a_whole_swarm_is_disposed_by_housekeeping_when_somebody_confirms(shell: Shell) -> None:
    for client in ("alice", "bob"):
        await shell.wire.ask(client, "echo", "Hello")
    await shell.wire.ask("alice", "support", "Hello")
    unsure = shell.run("sessions", "dispose-all", "echo")
    assert unsure.returncode == 1
    assert len(shell.rows("sessions", "ls")) == 3
    assert shell.rows("sessions", "dispose-all", "echo", "--yes")["errand"]

    async def only_the_other_is_left() -> bool:
        return await shell.wire.keys_of("session:echo:") == []

    await eventually(only_the_other_is_left, within_s=20)
    assert [row["swarm"] for row in shell.rows("sessions", "ls")] == ["support"]


async def test_dead_letters_can_be_left_to_housekeeping(shell: Shell) -> None:
    request_id = await shell.wire.say("alice", "nosuch", "Hello")
    await shell.wire.dead_letter(request_id)
    assert shell.rows("dead", "redrive", "--all", "--later", "--reason", "unknown_swarm")["errand"]
    assert await shell.wire.dead_letter(f"{request_id}.r1")
    assert shell.run("dead", "redrive", "--later", "0/1-1").returncode == 2


async def test_a_worker_is_told_to_be_quiet_and_then_to_end(shell: Shell) -> None:
    assert shell.rows("workers", "quiet", shell.worker_id[:8]) == {"worker": shell.worker_id, "told": "quiet"}
    await eventually(lambda: '"event":"quiet"' in shell.worker.stderr)
    waiting = await shell.wire.say("alice", "support", "Hello")
    assert shell.run("workers", "drain", "").returncode == 2, "it would be the only one, whoever that is"
    drained = shell.run("workers", "drain", shell.worker_id)
    assert (drained.returncode, drained.stdout) == (0, f"{shell.worker_id} is gone\n")
    assert await shell.worker.ended() == 0
    assert (await shell.wire.result(waiting) or {"status": "accepted"})["status"] == "accepted"


async def test_a_worker_that_hears_nothing_is_not_taken_for_told(shell: Shell) -> None:
    await shell.wire.redis.zadd("swarmline:{0}:workers", {"deaf": 99_999_999_999_999})
    told = shell.run("workers", "drain", "deaf")
    assert told.returncode == 1
    assert "worker deaf does not listen" in told.stderr
