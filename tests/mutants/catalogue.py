"""The seeded bugs: what is changed where, under which faults, and which broken promise must be found.

A change names a script of the store or a module, a text in it, and what stands there in the mutant. A text that is gone
is an error, so the mutants stay in step with the code.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from worker.simulate.plan import Plan


class Change(NamedTuple):
    """One change of a source text."""

    where: str  # "renew" is worker/store/lua/renew.lua with its includes; "worker.lane.committer" is a module
    text: str
    instead: str


def plan(*faults: str, **changes: object) -> Plan:
    """Return a small plan with some kinds of faults."""
    fields: dict[str, object] = {
        "seed": 1,
        "duration_s": 7.0,
        "faults": faults,
        "pace_s": 0.5,
        "workers": 3,
        "producers": 1,
        "sessions": 60,
        "rate": 60,
        "traffic": {"chain": 1},
        "longest_turn_s": 1.5,
        "lease_s": 0.6,
        "settle_s": 4.0,
    }
    return Plan(**(fields | changes))  # type: ignore[arg-type]


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A bug, and how it is found."""

    changes: tuple[Change, ...]
    breaks: set[str]
    plan: Plan = field(default_factory=plan)


#: The fence has more lines: a request must still be at the head, and a worker learns from its renewal that its lease is
#: gone. Only without all of them a late commit gets through for certain.
NO_FENCE = (
    Change("renew", "if not lease_end and ARGV[4] ~= '1' then", "if false then"),
    Change(
        "commit",
        "session.fence ~= fence or session.status ~= 'held' and session.status ~= 'disposing' or session.broken",
        "false",
    ),
    Change("commit", "elseif not call('ZSCORE', workers_key, worker_id) then", "elseif false then"),
    Change("commit", "if not is_record_of(heads[i], ARGV[at]) then", "if not heads[i] then"),
)
CONFIRMED_AT_ONCE = """self._on_answer(group, FencedAnswer([CommitStatus.OK] * len(group), []))
        try:
            await self._store.commit(self._op_number, items)
        except Exception:
            return
        return
        try:"""
#: what a bug lets lie in its worker's name would be found within two leases, and run again
NO_STRAYS = Change("worker.lane.strays", "if before.get(sid) == fence and sid not in self._held:", "if False:")
#: a reply in the shape in which it is published, whether or not its commit passes
REPLY_OF_ITEM = "'{\"seq\":1' .. ARGV[item.at + item.shape.first_request + 1]"
CHANNEL_OF_ITEM = "ARGV[item.at + item.shape.first_request + 2]"

MUTANTS = {
    "no fence": Mutant(changes=NO_FENCE, plan=plan("freeze"), breaks={"stale", "doubled", "state"}),
    "no nonce": Mutant(
        changes=tuple(Change(name, ".. '-' .. nonce", ".. '-'") for name in ("admit_and_claim", "claim")),
        # Turns are long and places are few, so that most requests are claimed long after they were sent.
        plan=plan(
            "failover",
            lease_s=1.0,
            pace_s=2.5,
            duration_s=10.0,
            rate=14,
            sessions=300,
            traffic={"short": 1},
            longest_turn_s=16.0,
            settings={"max_sessions_in_flight": "4"},
        ),
        breaks={"stale"},
    ),
    "acknowledged before it is written": Mutant(
        changes=(Change("worker.lane.committer", "try:", CONFIRMED_AT_ONCE), NO_STRAYS),
        plan=plan("redis-kill", "client-kill", lease_s=1.5),
        breaks={"lost"},
    ),
    "no dedup": Mutant(
        changes=(
            Change(
                "admit_and_claim",
                "  if known then\n    return meet_known_id(flat, fields, known)\n  end\n  -- All other ways",
                "  -- All other ways",
            ),
        ),
        plan=plan(duration_s=4.0),
        breaks={"doubled"},
    ),
    "reclaim without own continuity": Mutant(
        changes=tuple(
            Change(name, "if not since or now_ms - since < lease_ms then", "if false then")
            for name in ("renew", "admit_and_claim", "claim", "reclaim")
        ),
        plan=plan("redis-freeze", "redis-kill", lease_s=1.5, pace_s=2.0),
        breaks={"attempts"},
    ),
    "reply published though fenced": Mutant(
        changes=(
            Change(
                "commit",
                "if statuses[i] == 'ok' then",
                "if statuses[i] ~= 'ok' and item.shape.requests > 0 then\n"
                f"    call('PUBLISH', {CHANNEL_OF_ITEM}, {REPLY_OF_ITEM})\n"
                "  end\n  if statuses[i] == 'ok' then",
            ),
            Change("renew", "if not lease_end and ARGV[4] ~= '1' then", "if false then"),
            Change("commit", "elseif not call('ZSCORE', workers_key, worker_id) then", "elseif false then"),
        ),
        plan=plan("freeze"),
        breaks={"doubled"},
    ),
    "popped at claim": Mutant(
        changes=(
            Change("admit_and_claim", "if mailbox[1] then", "call('DEL', session.mailbox_key)\n  if mailbox[1] then"),
        ),
        plan=plan("kill", duration_s=4.0),
        breaks={"lost"},
    ),
    "disposal without its last check": Mutant(
        changes=(
            Change("begin_dispose", "elseif ARGV[5] == '1' and (held[3] or waiting > 1) then", "elseif false then"),
        ),
        plan=plan(
            traffic={"short": 1},
            rate=45,
            duration_s=12.0,
            workers=2,
            lease_s=5.0,
            longest_turn_s=1.0,
            settings={"max_sessions_in_flight": "2"},
            settle_s=20.0,
        ),
        breaks={"disposal"},
    ),
    "release that forgets a session": Mutant(
        changes=(
            Change("release", "call('LPUSH', attempts > 0 and suspects_key or ready_key, sid)", "local _ = attempts"),
        ),
        plan=plan("drain", duration_s=5.0),
        breaks={"lost"},
    ),
    "journal ignored": Mutant(
        changes=tuple(
            Change(name, "local journal = read('HGETALL', journal_key_prefix .. sid)", "local journal = NOTHING")
            for name in ("admit_and_claim", "claim")
        ),
        plan=plan("kill", traffic={"steps": 1}, rate=40, settle_s=15.0),
        breaks={"journal"},
    ),
    "attempts never counted": Mutant(
        changes=tuple(
            Change(name, "session.attempts = session.attempts + 1", "session.attempts = session.attempts + 0")
            for name in ("admit_and_claim", "claim")
        ),
        plan=plan("poison", duration_s=3.0, rate=20, settle_s=8.0),
        breaks={"lost"},
    ),
    "claimed, and not noted as held": Mutant(
        changes=tuple(
            Change(name, "call_in_chunks('SADD', held_key, claimed_sids)", "") for name in ("admit_and_claim", "claim")
        ),
        plan=plan("kill", duration_s=4.0),
        breaks={"lost"},
    ),
    "newest request first": Mutant(
        changes=(
            Change(
                "admit_and_claim",
                "try('RPUSH', session.mailbox_key, record)",
                "try('LPUSH', session.mailbox_key, record)",
            ),
        ),
        plan=plan(duration_s=4.0, settings={"max_sessions_in_flight": "2"}),
        breaks={"order"},
    ),
    "a repeated claim claims anew": Mutant(
        changes=(
            *(
                Change(name, "if op_number == last_number then\n    repeat_claim", "if false then\n    repeat_claim")
                for name in ("admit_and_claim", "claim")
            ),
            NO_STRAYS,
        ),
        plan=plan("lose-reply", pace_s=0.6, workers=2, lease_s=3.0),
        breaks={"lost"},
    ),
    "a seq that may repeat": Mutant(
        changes=(Change("commit", "if session.seq < now_us then", "if true then"),),
        plan=plan(duration_s=5.0, sessions=5, rate=100, longest_turn_s=0.0),
        breaks={"outbox"},
    ),
    "suspects are never run": Mutant(
        changes=(Change("admit_and_claim", "claim_from(suspects_key, suspect_slots, true)", ""),),
        plan=plan("kill", pace_s=0.4),
        breaks={"lost"},
    ),
}
