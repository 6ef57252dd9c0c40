"""What a validator or a prompt is told about the session that it serves."""

from typing import NamedTuple

from pydantic import JsonValue


class SessionInfo(NamedTuple):
    """A read-only view of one session during one turn; `turn` counts from 1, `payload` is what the request carried."""

    client_id: str
    swarm_name: str
    agent_name: str
    request_id: str
    turn: int
    payload: JsonValue = None
