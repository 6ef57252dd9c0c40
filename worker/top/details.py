"""What is known of one row: a session with the requests that wait in it, or a dead letter with all its fields."""

from collections.abc import Sequence
from typing import ClassVar

from rich.markup import escape
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Footer, Static

from worker.core.request import AdmittedRequest
from worker.core.seen import DeadSeen, SessionSeen
from worker.top.rows import request_row
from worker.top.words import count, duration, printable


class Details(ModalScreen[None]):
    """A text over the table, until Escape."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,enter,q", "dismiss", "Back", key_display="esc")]

    def __init__(self, heading: str, lines: Sequence[str]) -> None:
        """Show plain lines below a heading."""
        super().__init__()
        self._heading = heading
        self._lines = lines

    def compose(self) -> ComposeResult:
        """Put all into one box that scrolls."""
        text = "\n".join(escape(printable(line)) for line in self._lines)
        with VerticalScroll(id="details") as box:
            box.border_title = escape(self._heading)
            yield Static(text)
        yield Footer()


def of_session(session: SessionSeen, waiting: Sequence[AdmittedRequest], now_ms: int) -> list[str]:
    """Return what is known of a session; requests without their contents."""
    lines = [
        f"status     {session.status}",
        f"holder     {session.holder or '-'}",
        f"turns      {session.turn:,}",
        f"attempts   {session.attempts} at the request at the head",
        f"due        {f'in {duration(session.due_at_ms - now_ms)}' if session.due_at_ms else '-'}",
        "",
        f"{count(session.waiting, 'request')} in the mailbox, oldest first; the first is what runs while it is held:",
    ]
    for request in waiting:
        kind, request_id, since = request_row(request, now_ms)
        lines.append(f"  {kind:<24} {request_id:<40} accepted {since} ago")
    if session.waiting > len(waiting):
        lines.append(f"  and {session.waiting - len(waiting):,} more")
    return lines


def of_dead_letter(letter: DeadSeen, now_ms: int) -> list[str]:
    """Return all fields of a dead letter, as they came."""
    return [
        f"entry      {letter.entry_id} in shard {letter.shard}",
        f"buried     {duration(now_ms - letter.at_ms)} ago",
        f"reason     {letter.reason or 'unreadable'}",
        f"error      {letter.error or '-'}",
        f"attempts   {letter.attempts}",
        "",
        "the entry as it was sent:",
        *(f"  {name:<14} {value}" for name, value in letter.original.items()),
    ]
