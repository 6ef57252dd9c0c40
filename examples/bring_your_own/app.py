"""All that it takes: an async function that speaks our types on one side and the old ones on the other."""

from examples.bring_your_own.postage import answer
from worker import Agent, App, CompletionMessage, CompletionRequest, Swarm

#: what the demo asks when nobody is there to ask
SAMPLES = ("What does a letter cost?", "And to Japan?")


async def ask_postage(request: CompletionRequest) -> CompletionMessage:
    """Ask the old function; each piece goes out as soon as it is there."""
    *earlier, question = [message.content for message in request.messages if message.role == "user"]
    pieces: list[str] = []
    async for piece in answer(question, earlier):
        request.emit_delta(piece)
        pieces.append(piece)
    return CompletionMessage("".join(pieces))


clerk = Agent("clerk", completion=ask_postage)
app = App(swarms=[Swarm("post_office", agents=[clerk], default_agent="clerk")])
