"""What completions keep open when a worker ends."""

from worker import Agent, App, CompletionMessage, CompletionRequest, Swarm
from worker.completions import EchoCompletion
from worker.completions.closing import close_completions


class Open:
    """A completion with something to close."""

    def __init__(self, error: Exception | None = None) -> None:
        self.closed = 0
        self._error = error

    async def complete(self, request: CompletionRequest) -> CompletionMessage:
        return CompletionMessage(request.last_user_message())

    async def aclose(self) -> None:
        self.closed += 1
        if self._error is not None:
            raise self._error


def app_of(*completions: Open | EchoCompletion) -> App:
    agents = [Agent(f"a{n}", completion=completion) for n, completion in enumerate(completions)]
    return App(swarms=[Swarm("support", agents=agents, default_agent="a0")])


async def test_each_is_closed_once_however_many_agents_share_it() -> None:
    shared, own = Open(), Open()
    await close_completions(app_of(shared, EchoCompletion(), shared, own))
    assert (shared.closed, own.closed) == (1, 1)


async def test_one_that_can_not_be_closed_keeps_no_other_open() -> None:
    broken, fine = Open(RuntimeError("stuck")), Open()
    await close_completions(app_of(broken, fine))
    assert (broken.closed, fine.closed) == (1, 1)
