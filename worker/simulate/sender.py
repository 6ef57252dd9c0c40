"""Send requests by plain XADD until Redis has said that it took them, and note each try."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from redis.exceptions import RedisError

from schemas.keyspace import DEFAULT_NAMESPACE, ShardKeys
from worker.clock import Backoff
from worker.simulate.connection import Connection
from worker.simulate.history import History

KEYS = ShardKeys(DEFAULT_NAMESPACE, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One request of the load."""

    request_id: str
    swarm: str
    client: str
    kind: str = "execute"
    body: Mapping[str, str] = field(default_factory=dict[str, str])
    #: stream fields beside the usual ones
    more: Mapping[str, str] = field(default_factory=dict[str, str])
    #: send it once more after it was taken, as a producer does that lost an answer
    twice: bool = False

    @classmethod
    def said(cls, request_id: str, swarm: str, client: str, verb: str = "say", seconds: float = 0) -> "Outgoing":
        """Return an `execute` with a message that the application of the simulation understands."""
        message = f"{verb} {seconds:g} {request_id}"
        return cls(request_id=request_id, swarm=swarm, client=client, body={"message": message})

    def arguments(self, reply_to: str) -> list[str]:
        """Return the fields of the XADD, flat."""
        fields = {
            "v": "1",
            "requestId": self.request_id,
            "clientId": self.client,
            "swarmName": self.swarm,
            "kind": self.kind,
            "body": json.dumps(self.body),
            "replyTo": reply_to,
        }
        return [text for pair in (fields | dict(self.more)).items() for text in pair]


class Sender:
    """Sends for one process; whoever sends twice in one session waits for the first to be taken."""

    def __init__(self, connection: Connection, history: History, process: str) -> None:
        """Send over `connection` and have replies sent to a channel of this process."""
        self._connection = connection
        self._history = history
        self.reply_to = KEYS.reply_channel(f"simulate-{process}")

    async def send(self, request: Outgoing) -> None:
        """Send a request until it is taken: after an unknown outcome again, under the same id."""
        sid = f"{request.swarm}:{request.client}"
        message = request.body.get("message", "")
        self._history.note("invoke", "send", id=request.request_id, sid=sid, kind=request.kind, message=message)
        for _ in range(1 + request.twice):
            await self._until_taken(request.request_id, request.arguments(self.reply_to))

    async def send_rubbish(self, mark: str, fields: list[str | bytes]) -> None:
        """Send an entry that is no request, once; `mark` is one of its values."""
        self._history.note("invoke", "rubbish", id=mark)
        try:
            await self._connection.execute_command("XADD", KEYS.requests, "*", *fields)
        except (RedisError, OSError) as error:
            self._history.note("unknown", "rubbish", id=mark, error=str(error))
        else:
            self._history.note("ok", "rubbish", id=mark)

    async def _until_taken(self, request_id: str, arguments: list[str]) -> None:
        backoff = Backoff()
        while True:
            try:
                async with asyncio.timeout(5):
                    entry = await self._connection.execute_command("XADD", KEYS.requests, "*", *arguments)
            except (RedisError, OSError) as error:
                self._history.note("unknown", "send", id=request_id, error=f"{type(error).__name__}: {error}")
                await backoff.pause()
            else:
                self._history.note("ok", "send", id=request_id, entry=entry.decode())
                return
