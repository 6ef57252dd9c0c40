"""Sessions as people look at them: read from their keys without holding them, and nothing is written."""

from collections.abc import AsyncIterator
from typing import Final, NamedTuple

from pydantic import JsonValue
from pydantic_core import from_json

from schemas.keyspace import ShardKeys, sid_of, split_sid
from schemas.names import shard_of
from worker.core.history import shown
from worker.core.request import AdmittedRequest
from worker.store.claims import parse_record
from worker.store.link import Answer, Link, by_name
from worker.store.links import Links

#: keys that one SCAN looks at, and entries of a list or stream that one call reads
_PAGE: Final = 1000
#: fields of the session hash that a row shows
_FIELDS: Final = ("status", "holder", "turn", "attempts")


class SessionRow(NamedTuple):
    """One session in a list; `expires_at_ms` is None while it is busy."""

    client_id: str
    swarm_name: str
    status: str
    holder: str
    turn: int
    attempts: int
    waiting: int
    expires_at_ms: int | None


class Sessions:
    """All sessions of a namespace; every method raises `QueueUnavailable`."""

    def __init__(self, links: Links) -> None:
        """Read over `links`, which nobody else may use at the same time."""
        self._links = links

    async def shards(self) -> list[ShardKeys]:
        """Return the shards of the namespace, one as long as no worker has made it."""
        return await self._links.shards()

    async def home(self, client_id: str) -> ShardKeys:
        """Return the shard that serves a client."""
        shards = await self.shards()
        return shards[shard_of(client_id, len(shards))]

    async def scan(self, keys: ShardKeys, cursor: str, *, swarm: str = "*", client: str = "*") -> tuple[str, list[str]]:
        """Return the next cursor and the sids of one page of a shard; cursor "0" begins, and ends.

        A session that is there all the time is found; one that comes or goes meanwhile, perhaps; some come twice.
        """
        prefix = keys.session("")
        pattern = f"{prefix}{swarm}:{client}"
        following, found = await self._links.of(keys).command("SCAN", cursor, "MATCH", pattern, "COUNT", _PAGE)
        return following.decode(), [key.decode("utf-8", "replace").removeprefix(prefix) for key in found]

    async def sids(
        self, *, swarm: str | None = None, client: str | None = None
    ) -> AsyncIterator[tuple[ShardKeys, str]]:
        """Yield the sessions of a swarm or client, or all of them."""
        if swarm is not None and client is not None:
            yield await self.home(client), sid_of(swarm, client)
            return
        shards = await self.shards() if client is None else [await self.home(client)]
        for keys in shards:
            cursor, first = "0", True
            while first or cursor != "0":
                first = False
                cursor, found = await self.scan(keys, cursor, swarm=swarm or "*", client=client or "*")
                for sid in dict.fromkeys(found):
                    yield keys, sid

    async def head(self, keys: ShardKeys, sid: str) -> AdmittedRequest | None:
        """Return the request at the head of a session's mailbox: the one that runs, if it is held."""
        record = await self._links.of(keys).command("LINDEX", keys.mailbox(sid), 0)
        return parse_record(record) if record else None

    async def now_ms(self, keys: ShardKeys) -> int:
        """Return the time by the clock of a shard's Redis."""
        return await self._links.of(keys).now_ms()

    async def bans(self, *, at_most: int) -> AsyncIterator[str]:
        """Yield `<policy>:<sid>` for each ban."""
        for keys in await self.shards():
            cursor, first = "0", True
            while at_most > 0 and (first or cursor != "0"):
                first = False
                following, found = await self._links.of(keys).command("SSCAN", keys.bans, cursor, "COUNT", _PAGE)
                cursor = following.decode()
                for banned in found[:at_most]:
                    at_most -= 1
                    yield banned.decode("utf-8", "replace")

    async def row(self, keys: ShardKeys, sid: str) -> SessionRow | None:
        """Return one session as a row, None when it is not there."""
        link = self._links.of(keys)
        found = await link.command("HMGET", keys.session(sid), *_FIELDS)
        if found[0] is None:
            return None
        status, holder, turn, attempts = (_text(value) for value in found)
        due = await link.command("ZSCORE", keys.sessions, sid) if status == "idle" else None
        swarm_name, client_id = split_sid(sid)
        waiting = await link.command("LLEN", keys.mailbox(sid))
        numbers = (int(turn or 0), int(attempts or 0), waiting)
        # an idle session remembers its last holder
        holder = holder if status in ("held", "disposing") else ""
        return SessionRow(client_id, swarm_name, status, holder, *numbers, None if due is None else int(float(due)))

    async def records(self, keys: ShardKeys, sid: str) -> int:
        """Return how many records the history of a session has; 0 where it was overwritten by something else."""
        link = self._links.of(keys)
        length, text = await link.batch([("LLEN", keys.history(sid)), ("GET", keys.history(sid))])
        if isinstance(text, bytes):
            return text.count(b"\n") + 1
        return length if isinstance(length, int) else 0

    async def export(self, client_id: str, swarm_name: str) -> dict[str, JsonValue] | None:
        """Return everything that is kept of a session as JSON: state, history, outbox, what waits; None = not there."""
        keys, sid = await self.home(client_id), sid_of(swarm_name, client_id)
        link = self._links.of(keys)
        row = await self.row(keys, sid)
        if row is None:
            return None
        document = _json(await link.command("HGET", keys.session(sid), "document") or b"{}")
        state = document if isinstance(document, dict) else {}
        banned = await link.command("SMEMBERS", keys.banned(sid))
        history = [shown(_json(record)) for record in await _history(link, keys.history(sid))]
        return {
            "v": 1,
            **_row_json(row),
            "records": len(history),
            "activeAgent": state.get("activeAgent"),
            "stack": state.get("stack", []),
            "states": state.get("states", {}),
            "memory": state.get("memory", {}),
            "bans": sorted(policy.decode() for policy in banned),
            "history": history,
            "outbox": [_json(item) for item in await _outbox(link, keys.outbox(sid))],
            "waiting": [_request_json(parse_record(record)) for record in await _list(link, keys.mailbox(sid))],
            "control": [_request_json(parse_record(record)) for record in await _list(link, keys.control(sid))],
        }

    async def steps(self, client_id: str, swarm_name: str, request_id: str) -> list[str]:
        """Return the finished steps of the turn of a request, in order: names, and which tools a completion asked for.

        What runs now has no record before the next step begins.
        """
        keys = await self.home(client_id)
        flat = await self._links.of(keys).command("HGETALL", keys.journal(sid_of(swarm_name, client_id)))
        prefix = f"{request_id}/step/"
        records = {_text(field): value for field, value in by_name(flat).items()}
        numbers = [name.removeprefix(prefix) for name in records if name.startswith(prefix)]
        return [
            _step(_json(records[prefix + number])) for number in sorted(numbers, key=lambda number: number.zfill(9))
        ]


async def _history(link: Link, key: str) -> list[bytes]:
    """Return all records; those of a session that had one turn are one text, see `short_history.lua`."""
    (text,) = await link.batch([("GET", key)])
    return text.split(b"\n") if isinstance(text, bytes) else await _list(link, key)


async def _list(link: Link, key: str) -> list[bytes]:
    records: list[bytes] = []
    while page := await link.command("LRANGE", key, len(records), len(records) + _PAGE - 1):
        records += page
    return records


async def _outbox(link: Link, key: str) -> list[bytes]:
    items: list[bytes] = []
    start = "-"
    while page := await link.command("XRANGE", key, start, "+", "COUNT", _PAGE):
        items += [fields[1] for _, fields in page]
        start = f"({page[-1][0].decode()}"
    return items


def _row_json(row: SessionRow) -> dict[str, JsonValue]:
    names = {"client_id": "clientId", "swarm_name": "swarmName", "expires_at_ms": "expiresAtMs"}
    shown = {names.get(name, name): value for name, value in row._asdict().items()}
    del shown["waiting"]  # the requests themselves follow
    return shown


def _request_json(request: AdmittedRequest) -> dict[str, JsonValue]:
    return {
        "requestId": request.request_id,
        "kind": request.kind,
        "acceptedAtMs": request.accepted_at_ms,
        "body": _json(request.body),
    }


def _step(record: JsonValue) -> str:
    if not isinstance(record, dict):
        return "?"
    result = record.get("result")
    calls = result.get("toolCalls") if isinstance(result, dict) else None
    functions = [call.get("function") for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
    asked_for = ", ".join(str(function.get("name")) for function in functions if isinstance(function, dict))
    return f"{record.get('name')}, asks for {asked_for}" if asked_for else str(record.get("name"))


def _json(raw: bytes) -> JsonValue:
    """Return what is JSON as such, and the rest as text: somebody may have written it by hand."""
    try:
        return from_json(raw)
    except ValueError:
        return raw.decode("utf-8", "replace")


def _text(value: Answer) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""
