"""The first pane: four lines of the last minutes, all figures, and what needs attention."""

from rich.markup import escape
from textual.app import ComposeResult
from textual.containers import Grid, Vertical
from textual.widgets import Static

from worker.top.view import View, advice
from worker.top.widgets import Line
from worker.top.words import count, duration, rate


class Overview(Vertical):
    """How it goes, at a glance."""

    def compose(self) -> ComposeResult:
        """Lines above, figures and advice below."""
        with Grid(id="lines"):
            yield Line("requests in", id="admitted")
            yield Line("turns done", id="turns")
            yield Line("requests and sessions waiting", id="waiting")
            yield Line("oldest waiting", id="oldest")
        yield Static(id="figures")
        yield Static(id="advice")

    def show(self, view: View) -> None:
        """Show a view."""
        self.query_one("#advice", Static).update("\n".join(f"• {escape(line)}" for line in advice(view)))
        if not view.shards:
            return
        cluster, trend = view.cluster, view.trend
        waiting = (cluster.stream_lag or 0) + cluster.ready
        newest = {
            "admitted": rate(trend.admitted_per_s),
            "turns": rate(trend.turns_per_s),
            "waiting": f"{waiting:,}",
            "oldest": duration(cluster.oldest_waiting_s * 1000),
        }
        for name, figure in newest.items():
            self.query_one(f"#{name}", Line).show(figure, trend.lines[name])
        figures = [
            f"{cluster.held:,} held",
            f"{cluster.ready:,} ready",
            f"{cluster.delayed:,} delayed",
            f"{cluster.sessions_active:,} idle sessions",
            count(cluster.dead, "dead letter"),
            count(len(view.shards), "shard"),
        ]
        self.query_one("#figures", Static).update(" · ".join(figures))
