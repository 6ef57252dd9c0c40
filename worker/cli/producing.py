"""The producer that a verb sends with."""

from producers import Producer
from worker.settings import Settings


def producer_of(settings: Settings) -> Producer:
    """Return a producer for the namespace, Redis and housekeeping that the settings name."""
    return Producer(
        settings.redis_url.get_secret_value(), namespace=settings.namespace, arq_url=settings.housekeeping_url
    )
