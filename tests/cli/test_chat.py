"""`swarmline chat` talks line by line and shows what comes, in order."""

import json
from collections.abc import Callable
from signal import SIGINT

from tests.cli.shell import Shell
from tests.helpers.eventually import eventually
from tests.helpers.processes import SwarmlineProcess

Start = Callable[..., SwarmlineProcess]


def chat(shell: Shell, start: Start, *arguments: str, lines: str) -> SwarmlineProcess:
    return start("chat", *arguments, stdin=lines, SWARMLINE_REDIS_URL=shell.roles.url("producer"))


async def test_emits_come_before_the_reply_that_they_belong_to(shell: Shell, start_swarmline: Start) -> None:
    talk = chat(shell, start_swarmline, "alice", "support", lines="count\ntell one two\n\n")
    assert await talk.ended(within_s=40) == 0, talk.stderr
    said = [line.split("[")[0].split(maxsplit=1) for line in talk.stdout.splitlines()]
    assert [text.strip() for _, text in said] == ["counted 1", "one", "two", "told one two"]
    assert {agent for agent, _ in said} == {"triage"}


async def test_every_item_is_a_line_of_json_for_who_wants_that(shell: Shell, start_swarmline: Start) -> None:
    talk = chat(shell, start_swarmline, "alice", "support", "--json", lines="tell one\n")
    assert await talk.ended(within_s=40) == 0, talk.stderr
    items = [json.loads(line) for line in talk.stdout.splitlines()]
    assert [(item["type"], item.get("data") or item.get("output")) for item in items] == [
        ("emit", "one"),
        ("reply", "told one"),
    ]


async def test_a_line_without_an_answer_is_1_and_the_talk_goes_on(shell: Shell, start_swarmline: Start) -> None:
    lines = "fail\nwait at door-nobody-opens\ncount\n"
    talk = chat(shell, start_swarmline, "alice", "support", "--timeout-s", "1", lines=lines)
    assert await talk.ended(within_s=40) == 1
    assert "failed: the completion of agent 'triage' raised" in talk.stdout
    assert talk.stdout.count("no answer: no reply to request") == 2
    assert "held by worker" in talk.stdout


async def test_what_others_make_the_session_send_is_shown_too(shell: Shell, start_swarmline: Start) -> None:
    talk = chat(shell, start_swarmline, "alice", "support", lines="wait at door-7\n")
    await shell.backstage.reached("door-7")
    await shell.wire.do("alice", "support", "notify", {"message": "the line is busy"})
    await eventually(lambda: "the line is busy" in talk.stdout, within_s=20)
    shell.backstage.open("door-7")
    assert await talk.ended(within_s=40) == 0


async def test_ctrl_c_ends_the_talk_without_a_word(shell: Shell, start_swarmline: Start) -> None:
    talk = chat(shell, start_swarmline, "alice", "support", lines="wait at door-9\n")
    await shell.backstage.reached("door-9")
    talk.send_signal(SIGINT)
    assert await talk.ended() == 0
    assert (talk.stdout, talk.stderr) == ("", "")


async def test_where_no_redis_is_named_the_demo_answers(start_swarmline: Start) -> None:
    talk = start_swarmline("chat", "alice", "support", stdin="Where is order 42?\n")
    assert await talk.ended(within_s=50) == 0, talk.stderr
    assert "42" in talk.stdout
    assert "no Redis is named" in talk.stderr
