"""Sessions that this worker let go of lately, in case it claims them again before anybody else has.

Their history and document then need not be read and sent once more, which is a third of what a claim costs. A kept
session counts only when the claim proves it: the session hash still names this worker as the last holder, with the same
number of turns. Whoever else held it meanwhile has left another name, or none.
"""

from collections import OrderedDict

from worker.core.session import Session

MAX_BYTES = 64 << 20
#: roughly what a session takes beside its records
OVERHEAD_BYTES = 1500
#: a commit is applied some time after it was sent
MARGIN_US = 1_000_000


class KeptSessions:
    """The youngest sessions by sid, as many as fit into `MAX_BYTES`."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        """Keep nothing yet."""
        self._max_bytes = max_bytes
        self._bytes = 0
        self._kept: OrderedDict[str, tuple[Session, int, int]] = OrderedDict()
        #: what was let go later than that, by Redis' clock, is still here
        self.since_us = 0

    def keep(self, sid: str, session: Session, now_ms: int) -> None:
        """Keep a session whose last commit is on its way; `now_ms` is Redis' clock. The caller changes it no more."""
        if sid in self._kept:
            self.take(sid, session.turn)
        size = OVERHEAD_BYTES + session.history_size
        if session.states or session.memory or session.system or session.older:
            size += 4 * len(session.document())
        self._kept[sid] = session, size, now_ms
        self._bytes += size
        while self._bytes > self._max_bytes:
            _, (_, size, kept_at_ms) = self._kept.popitem(last=False)
            self._bytes -= size
            self.since_us = max(self.since_us, kept_at_ms * 1000 + MARGIN_US)

    def take(self, sid: str, turn: int) -> Session | None:
        """Return the session if it is here with `turn` turns, and keep it no longer."""
        found = self._kept.pop(sid, None)
        if found is None:
            return None
        session, size, _ = found
        self._bytes -= size
        return session if session.turn == turn else None
