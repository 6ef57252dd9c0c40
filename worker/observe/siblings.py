"""Several worker processes behind one address: are they alive, and does any of them take work."""

from collections.abc import Iterator, Sequence

from worker.observe.health import Health, Verdict
from worker.observe.levels import ClusterLevels, Levels
from worker.observe.sheet import Sheet


class Siblings:
    """The health of all children of a parent, read from their sheets."""

    def __init__(self, sheets: Sequence[Sheet], *, stall_s: float) -> None:
        """Look at the sheets of the children."""
        self._sheets = sheets
        self._levels = [Levels(sheet) for sheet in sheets]
        self._healths = [Health(sheet, stall_s=stall_s) for sheet in sheets]
        self._have_started = False

    def ended(self, index: int) -> None:
        """Take note that a child is gone: nothing of it is shown that a successor does not show itself."""
        self._levels[index].end()
        ClusterLevels(self._sheets[index]).take(None)

    def crashed(self, index: int) -> None:
        """Count the crash of a child that is gone: on its sheet, where nobody else writes now."""
        sheet = self._sheets[index]
        sheet.rows()  # reads what the child had begun: a new row goes behind it
        sheet.row(("process_crashes",), 1)[0] += 1

    @property
    def redis_ok(self) -> bool:
        """Tell whether Redis answers every process that runs."""
        healths = [health for _, health in self._running()]
        return bool(healths) and all(health.redis_ok for health in healths)

    def live(self) -> Verdict:
        """Tell whether every process that runs still works; one that has ended is started again anyway."""
        for index, health in self._running():
            alive, reason = health.live()
            if not alive:
                return False, f"process {index}: {reason}"
        return True, "ok"

    def ready(self) -> Verdict:
        """Tell whether at least one process takes work."""
        verdicts = [(index, *health.ready()) for index, health in self._running()]
        ready = sum(passed for _, passed, _ in verdicts)
        missing = "".join(f"; process {index}: {reason}" for index, passed, reason in verdicts if not passed)
        return ready > 0, f"{ready} of {len(self._sheets)} processes are ready{missing}"

    def started(self) -> Verdict:
        """Tell whether all processes have come up once."""
        up = sum(health.registered for _, health in self._running())
        self._have_started = self._have_started or up == len(self._sheets)
        return self._have_started, "ok" if self._have_started else f"{up} of {len(self._sheets)} processes are up"

    def _running(self) -> Iterator[tuple[int, Health]]:
        for index, (levels, health) in enumerate(zip(self._levels, self._healths, strict=True)):
            if levels.are_shown:
                yield index, health
