"""The producer that a verb sends with."""

from producers import Producer
from worker.settings import Settings

#: nobody waits for longer until Redis answers, however long he would wait for a reply
CONNECT_WITHIN_S = 5.0


def producer_of(settings: Settings, *, within_s: float = CONNECT_WITHIN_S) -> Producer:
    """Return a producer for the namespace, Redis and housekeeping that the settings name.

    `within_s` is how long the verb may wait, for a connection too.
    """
    return Producer(
        settings.redis_url.get_secret_value(),
        namespace=settings.namespace,
        connect_timeout_s=min(within_s, CONNECT_WITHIN_S),
        arq_url=settings.housekeeping_url,
    )
