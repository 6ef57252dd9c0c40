"""The screen of `swarmline top`: looks at Redis once a second, and shows the pane that is in front."""

import asyncio
from typing import ClassVar

from rich.markup import escape
from textual import on, work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import DataTable, Footer, Input, Static, TabbedContent, TabPane

from worker.clock import monotonic
from worker.errors import SwarmlineError
from worker.store.link import CommandRefused
from worker.store.onlooker import Onlooker
from worker.top.details import Details, of_dead_letter, of_session
from worker.top.lookout import Lookout
from worker.top.overview import Overview
from worker.top.rows import COLUMNS, matching, rows_of
from worker.top.tail import Tail
from worker.top.view import Mood, Pane, View, headline, mood
from worker.top.widgets import Rows
from worker.top.words import duration

#: Redis is given up for the moment when it has not answered for so long
PATIENCE_S = 2.0
#: then it is tried again, however seldom it is looked at
RETRY_EVERY_S = 1.0


class Top(App[None]):
    """The live view; reads only, and goes on by itself when Redis was away."""

    CSS_PATH = "top.tcss"
    TITLE = "swarmline top"
    ENABLE_COMMAND_PALETTE = False
    AUTO_FOCUS = "Tabs"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Filter", key_display="/"),
        Binding("escape", "no_filter", "No filter", show=False),
        Binding("p", "pause", "Pause"),
        Binding("q", "quit", "Quit"),
        *(Binding(str(i), f"front('{pane}')", show=False) for i, pane in enumerate(Pane, start=1)),
    ]

    def __init__(self, url: str, namespace: str, *, every_s: float = 1.0) -> None:
        """Prepare to look at a namespace every `every_s` seconds; nothing is opened yet."""
        super().__init__()
        self._onlooker = Onlooker(url, namespace, timeout_s=PATIENCE_S)
        self._lookout = Lookout(self._onlooker, namespace)
        self._tail = Tail(url, namespace)
        self._every_s = every_s
        self._view: View | None = None
        self._seen_at = monotonic()
        self._look_now = asyncio.Event()
        self._paused = False

    def compose(self) -> ComposeResult:
        """Headline, banner, panes, filter and keys, from top to bottom."""
        yield Static("looking …", id="headline")
        yield Static(id="banner")
        with TabbedContent(initial=Pane.OVERVIEW):
            for i, pane in enumerate(Pane, start=1):
                with TabPane(f"{i} {pane.title()}", id=pane):
                    yield Overview() if pane is Pane.OVERVIEW else Rows(COLUMNS[pane], id=f"rows-{pane}")
        yield Input(
            placeholder="part of any cell, or the whole id of a client; Enter keeps it, Esc clears it", id="filter"
        )
        yield Footer()

    def on_mount(self) -> None:
        """Begin to look."""
        self.watch_redis()

    async def on_unmount(self) -> None:
        """Close the connections."""
        await self._tail.end()
        await self._onlooker.close()

    @property
    def front(self) -> Pane:
        """Return the pane in front."""
        return Pane(self.query_one(TabbedContent).active)

    @property
    def wanted(self) -> str:
        """Return what the filter says."""
        return self.query_one("#filter", Input).value.strip()

    @work
    async def watch_redis(self) -> None:
        """Look again and again; an outage is shown, and over when Redis answers."""
        while self.is_running:  # at the end the widgets go before this task does
            self._look_now.clear()
            pause_s = self._every_s
            if not self._paused and not await self._look():
                pause_s = min(pause_s, RETRY_EVERY_S)
            try:
                async with asyncio.timeout(pause_s):
                    await self._look_now.wait()
            except TimeoutError:
                continue

    async def _look(self) -> bool:
        """Look once and show what there is; tell whether Redis answered."""
        view, trouble = None, ""
        try:
            view = await self._lookout.look(self.front, self.wanted)
        except CommandRefused as error:
            trouble = f"Redis refuses: {error}. This user needs the rights of deploy/acl/observer.acl."
        except SwarmlineError as error:
            since = duration((monotonic() - self._seen_at) * 1000)
            trouble = f"No answer from Redis for {since}: {str(error).rstrip('.')}. Trying again."
        if not self.is_running:
            return True
        self._say(trouble or (view.denied if view else ""))
        if view is not None:
            self._view, self._seen_at = view, monotonic()
            self._show(view)
        return view is not None

    def _say(self, trouble: str) -> None:
        banner = self.query_one("#banner", Static)
        banner.display = bool(trouble)
        banner.update(escape(trouble))

    def _show(self, view: View) -> None:
        line = self.query_one("#headline", Static)
        line.update(escape(headline(view)))
        for each in Mood:
            line.set_class(each is mood(view), each)
        self._show_front(view)

    def _show_front(self, view: View) -> None:
        pane = self.front
        if pane is not view.pane:
            return  # another pane came to the front meanwhile: its own look is under way
        if pane is Pane.OVERVIEW:
            self.query_one(Overview).show(view)
            return
        if pane is Pane.EVENTS:
            self._say(self._tail.trouble)
        rows = self._tail.rows() if pane is Pane.EVENTS else rows_of(view, pane)
        self._table(pane).show_rows(matching(rows, self.wanted))

    def _table(self, pane: Pane) -> Rows:
        return self.query_one(f"#rows-{pane}", Rows)

    @on(TabbedContent.TabActivated)
    async def pane_changed(self) -> None:
        """Read at once what the new pane shows, and listen to events while it shows them."""
        if self.front is Pane.EVENTS:
            self._tail.begin()
        else:
            await self._tail.end()
        if self.front is not Pane.OVERVIEW and self.focused is not self.query_one("#filter"):
            self._table(self.front).focus()
        if self.front is not (self._view.pane if self._view else Pane.OVERVIEW):
            self._look_now.set()

    @on(Input.Changed, "#filter")
    def filter_changed(self) -> None:
        """Narrow what is shown; a client is looked up by the next look."""
        if self._view is not None:
            self._show_front(self._view)
        self._look_now.set()

    @on(Input.Submitted, "#filter")
    def filter_kept(self) -> None:
        """Give the keys back to the table."""
        if self.front is not Pane.OVERVIEW:
            self._table(self.front).focus()

    @on(DataTable.RowSelected)
    async def row_selected(self) -> None:
        """Show all that is known of the row."""
        view, pane = self._view, self.front
        if view is None or (chosen := self._table(pane).chosen) is None:
            return
        if pane in (Pane.SESSIONS, Pane.WORKERS):
            await self._show_session(view, chosen.rpartition(" ")[2])
        elif pane is Pane.DEAD:
            letters = {f"{letter.shard}/{letter.entry_id}": letter for letter in view.dead}
            if chosen in letters:
                self.push_screen(Details("dead letter", of_dead_letter(letters[chosen], view.now_ms)))

    async def _show_session(self, view: View, sid: str) -> None:
        seen = [*view.sessions, *(session for worker in view.workers for session in worker.runs)]
        session = next((session for session in seen if session.sid == sid), None)
        if session is None:
            return
        try:
            waiting = await self._onlooker.waiting_in(sid)
        except SwarmlineError as error:
            self._say(str(error))
            waiting = []
        self.push_screen(Details(sid, of_session(session, waiting, view.now_ms)))

    def action_front(self, pane: str) -> None:
        """Bring a pane to the front."""
        self.query_one(TabbedContent).active = pane

    def action_filter(self) -> None:
        """Ask for a text to filter by."""
        field = self.query_one("#filter", Input)
        field.display = True
        field.focus()

    def action_no_filter(self) -> None:
        """Show all rows again."""
        field = self.query_one("#filter", Input)
        field.value, field.display = "", False
        self.filter_kept()

    def action_pause(self) -> None:
        """Hold the screen still, or let it go on."""
        self._paused = not self._paused
        self.query_one("#headline").set_class(self._paused, "paused")
        self._look_now.set()
