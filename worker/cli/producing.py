"""The producer that a verb sends with."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from producers import Producer, QueueUnavailable
from worker.cli.errors import WHERE_TO_LOOK
from worker.settings import Settings

#: nobody waits for longer until Redis answers, however long he would wait for a reply
CONNECT_WITHIN_S = 5.0


@asynccontextmanager
async def producer_of(
    settings: Settings, *, url: str = "", within_s: float = CONNECT_WITHIN_S
) -> AsyncGenerator[Producer]:
    """Open a producer for the namespace, Redis (unless it is at `url`) and housekeeping that the settings name.

    `within_s` is how long the verb may wait, for a connection too. Raises the QueueUnavailable of producers.
    """
    producer = Producer(
        url or settings.redis_url.get_secret_value(),
        namespace=settings.namespace,
        connect_timeout_s=min(within_s, CONNECT_WITHIN_S),
        arq_url=settings.housekeeping_url,
    )
    try:
        await producer.open()
    except QueueUnavailable as error:
        raise QueueUnavailable(f"{str(error).rstrip('.')}; {WHERE_TO_LOOK}") from None
    try:
        yield producer
    finally:
        await producer.close()
