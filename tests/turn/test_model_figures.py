"""What a turn counts of the models that it asks."""

from types import SimpleNamespace

from tests.observe.scraping import figures, registry_of
from tests.turn.recording import Stage, agent, answering, swarm_of
from worker import CompletionMessage, CompletionRequest, Usage


async def test_tokens_are_added_up_by_direction() -> None:
    stage = Stage(swarm_of(agent("triage", answering(lambda _: CompletionMessage("ok", usage=Usage("tiny-1", 11, 7))))))
    await stage.say("Hello")
    await stage.say("Hello again")
    counted = figures(registry_of(stage.port.metrics))
    assert counted["swarmline_model_tokens_total[direction=input]"] == 22
    assert counted["swarmline_model_tokens_total[direction=output]"] == 14


async def test_a_model_that_does_not_tell_counts_no_tokens() -> None:
    stage = Stage(swarm_of(agent("triage", answering(lambda _: "ok"))))
    await stage.say("Hello")
    counted = figures(registry_of(stage.port.metrics))
    assert {name: value for name, value in counted.items() if "model_tokens" in name} == {
        "swarmline_model_tokens_total[direction=input]": 0,
        "swarmline_model_tokens_total[direction=output]": 0,
    }


class Named:
    """A completion whose model is an object, as pydantic-ai's are."""

    model = SimpleNamespace(model_name="tiny-1")

    async def complete(self, request: CompletionRequest) -> CompletionMessage:
        del request
        return CompletionMessage("ok")


async def test_a_model_goes_by_its_own_name() -> None:
    stage = Stage(swarm_of(agent("triage", Named())))
    await stage.say("Hello")
    counted = figures(registry_of(stage.port.metrics))
    assert counted["swarmline_model_call_duration_seconds_count[agent=triage][model=tiny-1][outcome=ok]"] == 1
