"""Follow a session as a client does, with the producers' own stream, and note what it was given."""

import asyncio

from producers import Delta, Producer, ProducerError
from worker.clock import Backoff
from worker.simulate.history import History


async def follow(url: str, swarm: str, client: str, history: History) -> None:
    """Note the seq of every item of a session, from its beginning, until cancelled; resume after a lost connection."""
    last_seq: int | None = None
    history.note("invoke", "follow", sid=f"{swarm}:{client}")
    backoff = Backoff()
    while True:
        try:
            async with Producer(url) as producer:
                async for item in producer.stream(client, swarm, after=last_seq):
                    backoff.reset()
                    if not isinstance(item, Delta) and item.seq is not None:
                        last_seq = item.seq
                        history.note("ok", "follow", sid=f"{swarm}:{client}", seq=item.seq)
        except ProducerError as error:
            history.note("fail", "follow", sid=f"{swarm}:{client}", error=str(error))
            await backoff.pause()
        except asyncio.CancelledError:
            return
