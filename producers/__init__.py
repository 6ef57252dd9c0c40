"""What a client program imports to send requests to Swarmline and to receive what comes back."""

from producers.client import Producer
from producers.errors import InvalidRequest, ProducerError, ProtocolMismatch, QueueUnavailable, ReplyTimeout
from producers.sync import SyncProducer
from schemas.events import BusEvent, CustomEvent
from schemas.replies import Delta, Emit, Notify, Question, Reply, ReplyError, Status

__all__ = [
    "BusEvent",
    "CustomEvent",
    "Delta",
    "Emit",
    "InvalidRequest",
    "Notify",
    "Producer",
    "ProducerError",
    "ProtocolMismatch",
    "Question",
    "QueueUnavailable",
    "Reply",
    "ReplyError",
    "ReplyTimeout",
    "Status",
    "SyncProducer",
]
