"""The parts of the screen: a table that stays still while it changes, and a line with its name."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import DataTable, Label, Sparkline

from worker.top.rows import Row
from worker.top.words import printable


class Rows(DataTable[Text]):
    """A table that is given all its rows at every look, and touches only what has changed."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "select_cursor", "Details")]

    def __init__(self, columns: Row, *, id: str) -> None:  # noqa: A002 - textual's own name
        """Name the columns."""
        super().__init__(id=id, cursor_type="row", zebra_stripes=True)
        self._names = columns
        self._shown: dict[str, Row] = {}

    def on_mount(self) -> None:
        """Put the columns in place."""
        for name in self._names:
            self.add_column(name, key=name)

    def show_rows(self, rows: Mapping[str, Row]) -> None:
        """Show these rows in this order; the cursor stays on its row, wherever that has moved."""
        if list(rows) == list(self._shown):
            self._update_cells(rows)
        else:
            self._begin_anew(rows)
        self._shown = dict(rows)

    @property
    def chosen(self) -> str | None:
        """Return the key of the row under the cursor."""
        keys = list(self._shown)
        return keys[self.cursor_row] if 0 <= self.cursor_row < len(keys) else None

    def _update_cells(self, rows: Mapping[str, Row]) -> None:
        for key, row in rows.items():
            for name, cell, before in zip(self._names, row, self._shown[key], strict=True):
                if cell != before:
                    self.update_cell(key, name, Text(printable(cell)), update_width=True)

    def _begin_anew(self, rows: Mapping[str, Row]) -> None:
        # all in one go: nothing is painted before this returns, so nothing flickers
        # Who has not moved down from the first row goes on looking at what is first.
        chosen, scrolled_to = self.chosen if self.cursor_row else None, self.scroll_offset
        self.clear()
        for key, row in rows.items():
            self.add_row(*(Text(printable(cell)) for cell in row), key=key)  # a plain str would be read as markup
        if chosen is not None and chosen in rows:
            self.move_cursor(row=list(rows).index(chosen), scroll=False)
        self.scroll_to(*scrolled_to, animate=False)


class Line(Vertical):
    """A name with its figure, and how the figure was before."""

    def __init__(self, name: str, *, id: str) -> None:  # noqa: A002 - textual's own name
        """Name the line."""
        super().__init__(id=id, classes="line")
        self._caption = name

    def compose(self) -> ComposeResult:
        """Put the name above the line."""
        yield Label(self._caption)
        yield Sparkline([0, 0])

    def show(self, figure: str, values: Sequence[float]) -> None:
        """Show the newest figure and all values, oldest first."""
        self.query_one(Label).update(f"{self._caption}  [b]{figure}[/b]")
        self.query_one(Sparkline).data = [0, *values]  # the scale begins at 0
