"""Find sessions that Redis holds in this worker's name although nobody here has them, and hand them back.

A failover, or a Redis that came back without its last second, has forgotten that they were let go. Their holder lives
and renews its lease, so nobody would ever take them from it, and what is sent to them would wait for ever.
"""

from collections.abc import Container

import structlog

from worker.clock import sleep
from worker.lane.outage import Outage
from worker.lane.releaser import Releaser
from worker.store.commits import HandBack
from worker.store.noted import Noted

log = structlog.get_logger(__name__)


class Strays:
    """Looks once a lease; a session that is claimed or let go just now is a stray for a moment, but not twice."""

    def __init__(self, noted: Noted, outage: Outage, held: Container[str], releaser: Releaser, every_s: float) -> None:
        """Compare what is noted with what is `held`."""
        self._noted = noted
        self._outage = outage
        self._held = held
        self._releaser = releaser
        self._every_s = every_s
        self._seen: dict[str, str] = {}

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await sleep(self._every_s)
            await self.look()

    async def look(self) -> None:
        """Hand back what was a stray at the last look too, under the same fence."""
        before = self._seen
        self._seen = await self._outage.until_answered("strays", lambda: self._noted.beyond(self._held))
        for sid, fence in self._seen.items():
            if before.get(sid) == fence and sid not in self._held:
                log.warning("stray_handed_back", sid=sid, fence=fence)
                await self._releaser.hand_back((HandBack(sid, fence, is_charged=True),))
