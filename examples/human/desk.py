"""The desk: shows what humans are asked and sends what they type; `python -m examples.human.desk redis://localhost:6379`.

A lone `done` gives the client back to the machine.
"""

import asyncio
import sys

from producers import Producer
from schemas.events import BusEvent, EventType


async def reply_to(producer: Producer, question: BusEvent, text: str) -> None:
    """Answer one question; `done` says good-bye and makes the machine the active agent again."""
    swarm_name, question_id = str(question.context["swarmName"]), str(question.input["questionId"])
    is_done = text == "done"
    if is_done:  # it waits behind the parked turn, so it is there before anything that the client says next
        await producer.send(question.client_id, swarm_name, "change-to-default-agent")
    await producer.send(
        question.client_id,
        swarm_name,
        "operator-answer",
        message="Thank you, good-bye." if is_done else text,
        question_id=question_id,
    )


async def serve(redis_url: str) -> None:
    """Take one question after the other, for ever."""
    async with Producer(redis_url) as producer, producer.events() as events:
        _show("The desk is open.")
        async for event in events:
            if isinstance(event, BusEvent) and event.type is EventType.ASK_OPERATOR and event.input["questionId"]:
                _show(f"{event.client_id}: {event.input['message']}")
                text = await asyncio.to_thread(sys.stdin.readline)
                if not text:
                    return
                await reply_to(producer, event, text.strip())


def _show(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1] if len(sys.argv) > 1 else "redis://localhost:6379"))
