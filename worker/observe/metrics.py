"""What a worker counts and measures, under the names of docs/metrics.md; the lane and the rooms of a turn call this."""

from collections.abc import Iterable, Mapping, Sequence

from worker.core.cluster_sample import ClusterSample
from worker.observe.catalogue import COUNTERS, HISTOGRAMS, Buckets
from worker.observe.levels import ClusterLevels, Levels
from worker.observe.sheet import Row, Sheet
from worker.observe.tally import Distribution, Distributions, Tally

#: verdict of admission up to the first colon -> counter; what stands behind it are its labels
VERDICTS = {
    "accepted": "requests_enqueued",
    "deduplicated": "requests_deduplicated",
    "rejected": "requests_rejected",
    "dead": "requests_dead",
}


class Metrics:
    """The figures of one worker process; those of a turn cost it about a microsecond in all."""

    def __init__(self, sheet: Sheet | None = None, *, buckets: Buckets | None = None) -> None:
        """Count on `sheet`, by default on a new one."""
        self.sheet = sheet = sheet or Sheet()
        self.buckets = buckets = buckets or Buckets()
        self._tallies = {name: Tally(sheet, name) for name in COUNTERS}
        self._histograms = {
            name: Distributions(sheet, name, buckets.of(name), labelled=bool(kind.labels))
            for name, kind in HISTOGRAMS.items()
        }
        self._levels = Levels(sheet)
        self._cluster = ClusterLevels(sheet)
        self._turns = _Turns(sheet, self._histograms)
        self._show_zeros(())

    def begin(self, swarms: Iterable[str] = ()) -> None:
        """Begin the life of a process that serves `swarms`; what its predecessors on this sheet have counted stays."""
        self._levels.begin()
        self._cluster.take(None)
        self._tallies["process_starts"].add()
        self._show_zeros(swarms)

    def _show_zeros(self, swarms: Iterable[str]) -> None:
        for name, counter in COUNTERS.items():
            for values in counter.from_the_start(swarms):
                self._tallies[name].add(*values, count=0)

    def turns_finished(self, swarm: str, status: str, times_s: Sequence[tuple[float, float]]) -> None:
        """Count terminal replies of turns; `times_s`: how long each took from admission to claim, and from there."""
        self._turns.finished(swarm, status, times_s)

    def admitted(self, verdicts: Mapping[str, int]) -> None:
        """Count the verdicts of one admission.

        `accepted:<swarm>:<kind>`, `deduplicated`, `rejected:<code>`, `dead:<reason>`, `answered:<status>:<swarm>`.
        """
        for verdict, count in verdicts.items():
            head, *labels = verdict.split(":")
            if head == "answered":
                status, swarm = labels
                self._turns.answered(swarm, status, count)
            else:
                self._tallies[VERDICTS[head]].add(*labels, count=count)

    def buried(self, reason: str, count: int = 1) -> None:
        """Count dead letters that a commit wrote."""
        self._tallies["requests_dead"].add(reason, count=count)

    def redelivered(self, count: int) -> None:
        """Count claims of requests that had been claimed before."""
        self._tallies["requests_redelivered"].add(count=count)

    def fenced(self, count: int) -> None:
        """Count writes that a younger fence kept out."""
        self._tallies["fenced_writes"].add(count=count)

    def lease_lost(self) -> None:
        """Count a lost lease."""
        self._tallies["lease_lost"].add()

    def redis_error(self, op: str) -> None:
        """Count a failed call of Redis; `op` is the script or the command."""
        self._tallies["redis_errors"].add(op)

    def session_opened(self, swarm: str) -> None:
        """Count a session that came to be."""
        self._tallies["sessions_opened"].add(swarm)

    def session_disposed(self, swarm: str, reason: str) -> None:
        """Count a session that ended; `reason` is ttl, request or force."""
        self._tallies["sessions_disposed"].add(swarm, reason)

    def turn_retried(self, swarm: str) -> None:
        """Count a turn that is to be tried again."""
        self._tallies["turns_retried"].add(swarm)

    def session_set_aside(self) -> None:
        """Count a session that could not be claimed."""
        self._tallies["sessions_set_aside"].add()

    def policy_refused(self, policy: str, direction: str) -> None:
        """Count a refusal; `direction` is input or output."""
        self._tallies["policy_rejections"].add(policy, direction)

    def published(self, bus: int, client: int, reply: int) -> None:
        """Count what turns published: bus events, items on the client channel, replies on channels of their own."""
        self._turns.published(bus, client, reply)

    def unheard(self, count: int) -> None:
        """Count what went out with nobody there to hear it."""
        self._tallies["events_no_subscriber"].add(count=count)

    def claim_cycle(self) -> None:
        """Count a call of admit-and-claim that came to an end, well or not."""
        self._tallies["claim_cycles"].add()

    def callback_error(self, name: str) -> None:
        """Count a callback of the application that raised."""
        self._tallies["callback_errors"].add(name)

    def first_emit(self, swarm: str, seconds: float) -> None:
        """Measure how long a client waited, from claim on, for the first sign of life of a turn."""
        self._histograms["time_to_first_emit_seconds"].of(swarm).observe(seconds)

    def model_called(self, agent: str, model: str, outcome: str, seconds: float) -> None:
        """Measure one call of a model; `outcome` is ok, error or timeout."""
        self._histograms["model_call_duration_seconds"].of(agent, model, outcome).observe(seconds)

    def model_tokens(self, direction: str, count: int) -> None:
        """Count tokens; `direction` is input or output."""
        self._tallies["model_tokens"].add(direction, count=count)

    def tool_called(self, tool: str, outcome: str, seconds: float) -> None:
        """Measure one call of a tool; `outcome` is ok, error or timeout."""
        self._histograms["tool_duration_seconds"].of(tool, outcome).observe(seconds)

    def handed_off(self, from_agent: str, to_agent: str) -> None:
        """Count a change of the active agent."""
        self._tallies["handoffs"].add(from_agent, to_agent)

    def slots(self, used: int, total: int) -> None:
        """Show how many sessions this worker holds, of how many at most."""
        self._levels.slots(used, total)

    def loop_lag(self, seconds: float) -> None:
        """Show how late the event loop was."""
        self._levels.loop_lag(seconds)

    def cluster(self, sample: ClusterSample | None) -> None:
        """Show a sample of the whole cluster; None: show none, another process does."""
        self._cluster.take(sample)


class _Turns:
    """Finished turns by swarm and outcome; written by the event loop alone, so without a lock."""

    def __init__(self, sheet: Sheet, histograms: Mapping[str, Distributions]) -> None:
        self._sheet = sheet
        self._durations = histograms["request_duration_seconds"]
        self._waits = histograms["queue_wait_seconds"].of()
        self._ends = histograms["end_to_end_seconds"].of()
        self._rows: dict[tuple[str, str], tuple[Distribution, Row]] = {}
        self._bus, self._client, self._reply = (
            sheet.row(("events_published", channel), 1) for channel in ("bus", "client", "reply")
        )

    def finished(self, swarm: str, status: str, times_s: Sequence[tuple[float, float]]) -> None:
        found = self._rows.get((swarm, status))
        if found is None:
            found = (self._durations.of(swarm, status), self._completed(swarm, status))
            self._rows[swarm, status] = found
        duration, completed = found
        waits_s, durations_s = zip(*times_s, strict=True)
        duration.observe(*durations_s)
        completed[0] += len(times_s)
        self._waits.observe(*waits_s)
        self._ends.observe(*map(sum, times_s))

    def published(self, bus: int, client: int, reply: int) -> None:
        self._bus[0] += bus
        self._client[0] += client
        self._reply[0] += reply

    def answered(self, swarm: str, status: str, count: int) -> None:
        """Count replies of requests that no turn was needed for."""
        self._completed(swarm, status)[0] += count

    def _completed(self, swarm: str, status: str) -> Row:
        return self._sheet.row(("requests_completed", swarm, status), 1)
