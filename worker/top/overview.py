"""The first pane: four lines of the last minutes, all figures, and what needs attention."""

from rich.markup import escape
from textual.app import ComposeResult
from textual.containers import Grid, Vertical
from textual.widgets import Static

from worker.top.view import View, advice
from worker.top.widgets import Line
from worker.top.words import duration, rate


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
        figures = {
            "admitted": rate(trend.admitted_per_s),
            "turns": rate(trend.turns_per_s),
            "waiting": f"{waiting:,}",
            "oldest": duration(cluster.oldest_waiting_s * 1000),
        }
        for name, figure in figures.items():
            self.query_one(f"#{name}", Line).show(figure, trend.lines[name])
        counts = {
            "held": cluster.held,
            "ready": cluster.ready,
            "delayed": cluster.delayed,
            "idle": cluster.sessions_active,
            "dead letters": cluster.dead,
            "shards": len(view.shards),
        }
        text = "   ".join(f"{name} [b]{number:,}[/b]" for name, number in counts.items())
        self.query_one("#figures", Static).update(f"sessions: {text}")
