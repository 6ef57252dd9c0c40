"""Figures in memory that a parent process may read, and that outlives the process which counts.

A child of `--processes` counts in a file that its parent holds open. When the child is killed, its successor goes on in
the same file: nothing is lost or counted twice, nothing has to be sent, and nothing is left on the disk.
"""

import json
import mmap
import os
import struct
import tempfile
from threading import Lock
from typing import TypeAlias

import structlog

Key = tuple[str, ...]
#: 64-bit floats, which count exactly up to 2 ** 53
Row: TypeAlias = "memoryview[float]"

#: only pages that are used take memory
SHEET_BYTES = 4 << 20
FIGURE_BYTES = 8
#: at the beginning of a sheet: where the next row goes
END = struct.Struct("=Q")
#: at the beginning of a row: how long its key is, in bytes, and how many figures it has
ROW_HEAD = struct.Struct("=II")

log = structlog.get_logger(__name__)


class Sheet:
    """Rows of figures, each under a key; one process writes, others may read."""

    def __init__(self, fd: int = -1) -> None:
        """Map the file `fd` and go on where a predecessor ended; without one the memory is our own."""
        self._memory = memoryview(mmap.mmap(fd, SHEET_BYTES))
        self._rows: dict[tuple[Key, int], Row] = {}
        self._lock = Lock()
        self._read_up_to = END.size
        self.rows()

    def row(self, key: Key, figures: int) -> Row:
        """Return the row of so many figures under this key, zeros when it is new; the same object each time."""
        with self._lock:
            found = self._rows.get((key, figures))
            if found is None:
                found = self._rows[key, figures] = self._new_row(key, figures)
            return found

    def rows(self) -> dict[tuple[Key, int], Row]:
        """Return all rows by key and number of figures, those too that another process has begun since."""
        with self._lock:
            while self._read_up_to < self._end:
                self._read_row()
            return self._rows.copy()

    @property
    def _end(self) -> int:
        return END.unpack_from(self._memory)[0] or END.size

    def _new_row(self, key: Key, figures: int) -> Row:
        name, at = json.dumps(key).encode(), self._end
        first = at + ROW_HEAD.size + _padded(len(name))
        after = first + figures * FIGURE_BYTES
        if after > SHEET_BYTES:
            # Somebody has put something without bounds into a label. Better no figure than no worker.
            log.warning("metrics_are_full", key=key)
            return memoryview(bytearray(figures * FIGURE_BYTES)).cast("d")
        ROW_HEAD.pack_into(self._memory, at, len(name), figures)
        self._memory[at + ROW_HEAD.size : at + ROW_HEAD.size + len(name)] = name
        # Who is killed before this line has begun no row.
        END.pack_into(self._memory, 0, after)
        self._read_up_to = after
        return self._figures(first, figures)

    def _read_row(self) -> None:
        key_bytes, figures = ROW_HEAD.unpack_from(self._memory, self._read_up_to)
        key_at = self._read_up_to + ROW_HEAD.size
        key: Key = tuple(json.loads(bytes(self._memory[key_at : key_at + key_bytes])))
        first = key_at + _padded(key_bytes)
        self._rows[key, figures] = self._figures(first, figures)
        self._read_up_to = first + figures * FIGURE_BYTES

    def _figures(self, first: int, count: int) -> Row:
        return self._memory[first : first + count * FIGURE_BYTES].cast("d")


def new_sheet_file() -> int:
    """Return the descriptor of an empty sheet that has no name: it is gone with the last process that holds it."""
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("swarmline-figures")
    else:
        with tempfile.TemporaryFile() as file:
            fd = os.dup(file.fileno())
    os.ftruncate(fd, SHEET_BYTES)
    return fd


def _padded(size: int) -> int:
    """Return the size up to the next figure: a figure across two cache lines could be read half written."""
    return -(-size // FIGURE_BYTES) * FIGURE_BYTES
