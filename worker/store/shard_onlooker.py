"""What can be seen in one shard: reads only, and each costs the same however much there is."""

from collections.abc import Sequence
from typing import cast

from pydantic import JsonValue, TypeAdapter, ValidationError

from schemas.dead_letters import ORIGINAL_PREFIX
from schemas.keyspace import ShardKeys
from worker.core.cluster_sample import ClusterSample
from worker.core.request import AdmittedRequest
from worker.core.seen import DeadSeen, Flow, SessionSeen, WorkerSeen
from worker.store.claims import parse_record
from worker.store.figures import figures_of
from worker.store.link import Answer, Argument, CommandRefused, Link, by_name

#: entries of the events stream that one look takes: the newest since the look before
ENDINGS_MAX = 200
WORKERS_MAX = 200

_EVENTS = TypeAdapter(list[dict[str, JsonValue]])


class ShardOnlooker:
    """Reads of one shard over a connection that others may share; all raise `QueueUnavailable`, `CommandRefused`."""

    def __init__(self, link: Link, keys: ShardKeys) -> None:
        """Look through `link`."""
        self._link = link
        self._keys = keys

    async def figures(self) -> ClusterSample:
        """Return the figures of the shard."""
        return await figures_of(self._link, self._keys)

    async def workers(self, runs_max: int) -> list[WorkerSeen]:
        """Return the workers with a lease, live or over, each with up to `runs_max` of the sessions it holds."""
        keys = self._keys
        found = _pairs(await self._link.command("ZRANGE", keys.workers, 0, WORKERS_MAX - 1, "WITHSCORES"))
        held = await self._held(list(found), runs_max)
        counts = await self._link.batch([("SCARD", keys.held(worker_id)) for worker_id in found])
        sessions = {seen.sid: seen for seen in await self.sessions_of([sid for sids in held for sid in sids])}
        return [
            WorkerSeen(worker_id, int(lease_end), _number(count), [sessions[sid] for sid in sids if sid in sessions])
            for (worker_id, lease_end), count, sids in zip(found.items(), counts, held, strict=True)
        ]

    async def sessions(self, limit: int) -> list[SessionSeen]:
        """Return up to `limit` sessions of each status: suspects, held, ready, delayed (soonest first), idle."""
        keys = self._keys
        suspects, ready, delayed, idle, workers = await self._link.batch(
            [
                ("LRANGE", keys.suspects, 0, limit - 1),
                ("LRANGE", keys.ready, 0, limit - 1),
                ("ZRANGE", keys.delayed, 0, limit - 1, "WITHSCORES"),
                ("ZREVRANGE", keys.sessions, 0, limit - 1, "WITHSCORES"),
                ("ZRANGE", keys.workers, 0, WORKERS_MAX - 1),
            ]
        )
        held = await self._held(_texts(workers), limit)
        due = _pairs(delayed) | _pairs(idle)
        sids = [*_texts(suspects), *[sid for some in held for sid in some][:limit], *_texts(ready), *due]
        return await self.sessions_of(list(dict.fromkeys(sids)), due)

    async def swarms(self) -> list[str]:
        """Return the names of the swarms that workers have announced."""
        return _texts(await self._link.command("HKEYS", self._keys.swarms))

    async def sessions_of(self, sids: Sequence[str], due: dict[str, float] | None = None) -> list[SessionSeen]:
        """Return these sessions, with status `gone` where there is none; `due` has scores that are known already."""
        keys, commands = self._keys, list[Sequence[Argument]]()
        for sid in sids:
            commands += (
                ("HMGET", keys.session(sid), "status", "holder", "attempts", "turn"),
                ("LLEN", keys.mailbox(sid)),
                ("LINDEX", keys.mailbox(sid), 0),
            )
        answers = await self._link.batch(commands) if commands else []
        due = due or {}
        return [_session(sid, answers[3 * i : 3 * i + 3], int(due.get(sid, 0))) for i, sid in enumerate(sids)]

    async def waiting_in(self, sid: str, limit: int) -> list[AdmittedRequest]:
        """Return the oldest requests that wait in a session, the one that runs included."""
        (records,) = await self._link.batch([("LRANGE", self._keys.mailbox(sid), 0, limit - 1)])
        return [parse_record(record) for record in _listed(records)]

    async def dead_letters(self, limit: int) -> list[DeadSeen]:
        """Return the newest dead letters, newest first."""
        entries = await self._link.command("XREVRANGE", self._keys.dead, "+", "-", "COUNT", limit)
        return [self._dead(entry_id.decode(), by_name(fields)) for entry_id, fields in entries]

    async def flow(self, since: str) -> Flow:
        """Return totals, and how the turns ended whose entries of the events stream are younger than `since`."""
        keys = self._keys
        admitted, info = await self._link.batch(
            [("HGET", keys.cursor, "entries_read"), ("XINFO", "STREAM", keys.events)]
        )
        entries = await self._endings(since)
        return Flow(
            admitted=_number(admitted),
            committed=int(by_name(_listed(info))[b"entries-added"]) if isinstance(info, list) else None,
            last_entry_id=entries[0][0].decode() if entries else since,
            endings=None if entries is None else [(int(at.split(b"-")[0]), _ending(data[1])) for at, data in entries],
        )

    async def _endings(self, since: str) -> list[Answer] | None:
        """Return entries of the events stream, newest first; None where the user may not read them."""
        after = f"({since}" if since else "-"
        try:
            (entries,) = await self._link.batch([("XREVRANGE", self._keys.events, "+", after, "COUNT", ENDINGS_MAX)])
        except CommandRefused:
            return None
        return _listed(entries)

    async def _held(self, worker_ids: Sequence[str], limit: int) -> list[list[str]]:
        commands = [("SSCAN", self._keys.held(worker_id), 0, "COUNT", limit) for worker_id in worker_ids]
        answers = await self._link.batch(commands) if commands else []
        return [_texts(_listed(answer)[1])[:limit] if _listed(answer) else [] for answer in answers]

    def _dead(self, entry_id: str, fields: dict[bytes, bytes]) -> DeadSeen:
        texts = {name.decode(errors="replace"): value.decode(errors="replace") for name, value in fields.items()}
        return DeadSeen(
            shard=self._keys.shard,
            entry_id=entry_id,
            reason=texts.get("reason", ""),
            error=texts.get("error", ""),
            attempts=_number(fields.get(b"attempts")),
            at_ms=_number(fields.get(b"atMs")),
            original={
                name.removeprefix(ORIGINAL_PREFIX): value
                for name, value in texts.items()
                if name.startswith(ORIGINAL_PREFIX)
            },
        )


def _session(sid: str, answers: Sequence[Answer], due_at_ms: int) -> SessionSeen:
    fields, waiting, head = answers
    if not isinstance(fields, list) or not isinstance(waiting, int):
        return SessionSeen(sid, "damaged", due_at_ms=due_at_ms)
    status, holder, attempts, turn = _listed(fields)
    return SessionSeen(
        sid=sid,
        status=status.decode() if status else "gone",
        holder=holder.decode() if holder and status in (b"held", b"disposing") else "",
        attempts=_number(attempts),
        turn=_number(turn),
        waiting=waiting,
        head=parse_record(head) if isinstance(head, bytes) else None,
        due_at_ms=due_at_ms,
    )


def _ending(events: bytes) -> str:
    """Return the status of a turn by its events; a turn that executes nothing has no such event, and is done."""
    try:
        found = [event for event in _EVENTS.validate_json(events) if event.get("type") == "commit-execution-end"]
    except ValidationError:
        return "unknown"  # of a newer version
    output = found[-1].get("output") if found else None
    return str(output.get("status")) if isinstance(output, dict) else "completed"


def _number(answer: Answer) -> int:
    if isinstance(answer, bytes):
        return int(answer) if answer.isdigit() else 0
    return answer if isinstance(answer, int) else 0


def _texts(answer: Answer) -> list[str]:
    return [text.decode(errors="replace") for text in _listed(answer)]


def _listed(answer: Answer) -> list[Answer]:
    """Return a list of answers; empty in place of an error."""
    return cast("list[Answer]", answer) if isinstance(answer, list) else []


def _pairs(answer: Answer) -> dict[str, float]:
    """Return the members of a sorted set with their scores, in its order."""
    flat = iter(_texts(answer))
    return {member: float(score) for member, score in zip(flat, flat, strict=True)}
