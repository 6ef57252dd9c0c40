"""The examples, each started with the one command of its page: real server, real workers, questions from a pipe."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers.model_server import ModelServer, call, called, said
from tests.helpers.processes import ROOT, SwarmlineProcess

Start = Callable[..., SwarmlineProcess]
WITHIN_S = 50
#: what must not reach the examples from the shell that runs the tests
NO_MODEL = {"OPENAI_API_KEY": "", "OPENAI_BASE_URL": ""}


async def told(process: SwarmlineProcess) -> str:
    assert await process.ended(within_s=WITHIN_S) == 0, process.stdout + process.stderr
    return re.sub(r"  \[[\d,]+ ms\]", "", process.stdout)


def demo(start: Start, name: str, *questions: str, **environment: str) -> SwarmlineProcess:
    stdin = "".join(f"{question}\n" for question in questions)
    return start("demo", "--app", f"examples.{name}:app", stdin=stdin, **(NO_MODEL | environment))


async def test_support_looks_up_and_pays_back_by_the_rules(start_swarmline: Start, tmp_path: Path) -> None:
    questions = ("Where is order 42?", "Where is order 7?", *["I want my money back for order 41"] * 2, "and for 44")
    lines = await told(demo(start_swarmline, "support", *questions, SHOP_DB=str(tmp_path / "shop")))
    assert "desk      Order 42, reading lamp, 49.00 euros" in lines
    assert "desk      You have no order 7." in lines  # it is somebody else's
    assert lines.count("refunds   You get 35.00 euros for order 41 back.") == 1
    assert lines.count("refunds   Order 41 was paid back before.") == 1
    assert "refunds   Order 44 is older than 30 days: it can't be paid back." in lines


async def test_support_answers_questions_of_its_own(start_swarmline: Start, tmp_path: Path) -> None:
    lines = await told(demo(start_swarmline, "support", SHOP_DB=str(tmp_path / "shop")))
    assert "Order 43 costs more than I may pay back." in lines
    assert "We never need it. (refused by policy no_card_numbers)" in lines


async def test_triage_hands_on_and_back(start_swarmline: Start) -> None:
    questions = ("My router blinks red", "And my invoice says 12 euros too much", "Thanks", "Where have I been?")
    lines = await told(demo(start_swarmline, "triage", *questions))
    assert "technician Red means no line." in lines
    assert "billing   I have noted it: you get 12 euros back" in lines
    assert "triage    You are welcome. Anything else?" in lines
    assert "You were with: technician, billing, technician, triage." in lines


async def test_a_function_of_ones_own_answers_as_an_agent(start_swarmline: Start) -> None:
    lines = await told(demo(start_swarmline, "bring_your_own", "What does a parcel cost?", "And abroad?", "Hm"))
    assert "clerk     A parcel costs 5.49 euros." in lines
    assert "clerk     A parcel costs 8.49 euros abroad." in lines


async def test_with_a_model_support_makes_the_calls_that_it_asks_for(start_swarmline: Start, tmp_path: Path) -> None:
    lookup = called(call("call_a", "order_status", {"order_id": 42}))
    async with ModelServer(lookup, said("Your lamp is on its way.")) as server:
        environment = {"OPENAI_BASE_URL": server.url, "OPENAI_API_KEY": "none", "SHOP_DB": str(tmp_path / "shop")}
        lines = await told(demo(start_swarmline, "support", "Where is order 42?", **environment))
    assert "desk      Your lamp is on its way." in lines
    first, second = server.asked
    assert first.tool_names == ["transfer_to_refunds", "list_orders", "order_status"]
    assert "order_id" in first.body["tools"][2]["function"]["parameters"]["properties"]
    assert "Order 42, reading lamp" in str(second.messages[-1]["content"])


async def test_with_a_model_triage_follows_its_hand_offs(start_swarmline: Start) -> None:
    async with ModelServer(called(call("call_a", "transfer_to_billing", {})), said("How much too much?")) as server:
        environment = {"OPENAI_BASE_URL": server.url, "OPENAI_MODEL": "tiny-1"}
        lines = await told(demo(start_swarmline, "triage", "My invoice is wrong", **environment))
    assert "billing   How much too much?" in lines
    first, second = server.asked
    assert (first.body["model"], second.body["model"]) == ("tiny-1", "tiny-1")
    assert first.messages[0]["content"] != second.messages[0]["content"]


async def test_a_killed_worker_costs_no_answer_and_no_second_payment(start_swarmline: Start, tmp_path: Path) -> None:
    process = start_swarmline(
        *("demo", "--app", "examples.support:app", "--kill-a-worker"),
        stdin="I want my money back for order 41\n" * 2,
        **(NO_MODEL | {"SHOP_DB": str(tmp_path / "shop")}),
    )
    lines = await told(process)
    assert lines.count("refunds   You get 35.00 euros for order 41 back.") == 1
    assert lines.count("refunds   Order 41 was paid back before.") == 1


async def test_an_application_that_is_not_there_is_named(start_swarmline: Start) -> None:
    process = start_swarmline("demo", "--app", "examples.nothing:app")
    assert await process.ended() == 78
    assert "there is no module examples.nothing" in process.stderr


@pytest.mark.parametrize("name", ["support", "triage", "bring_your_own"])
def test_the_page_has_the_command_of_each(name: str) -> None:
    assert f'make demo ARGS="--app examples.{name}:app"' in (ROOT / "examples" / "README.md").read_text()
