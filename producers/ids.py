"""Request ids: UUIDs of version 7, which sort by the time at which they were made."""

import os
import time

_RANDOM_BYTES = 10
#: ids whose random bits are bought and shaped at once: a system call per id would cost more than the rest of it
_POOL = 400

# RFC 9562: 48 bits of Unix ms, then version 7, 12 random bits, variant 10, 62 random bits; for all ids of a pool
_CHANCE = int.from_bytes(((1 << 80) - 1 & ~(0xF << 76) & ~(0x3 << 62)).to_bytes(_RANDOM_BYTES, "big") * _POOL, "big")
_FIXED = int.from_bytes((0x7 << 76 | 0x2 << 62).to_bytes(_RANDOM_BYTES, "big") * _POOL, "big")


class _Ids:
    """What goes into the next ids; to be used from any thread."""

    def __init__(self) -> None:
        #: what follows the time in an id, as 20 hex digits; nobody gets the same one twice
        self._tails: list[str] = []
        self._ms = 0
        self._head = ""

    def make(self) -> str:
        """Return a fresh id."""
        ms = time.time_ns() // 1_000_000
        if ms != self._ms:
            digits = f"{ms:012x}"
            self._head = f"{digits[:8]}-{digits[8:]}"
            self._ms = ms
        try:
            tail = self._tails.pop()
        except IndexError:
            tail = self._fill()
        return f"{self._head}-{tail[:4]}-{tail[4:8]}-{tail[8:]}"

    def forget(self) -> None:
        """Drop the tails; a forked child would otherwise make the very ids of its parent."""
        self._tails = []

    def _fill(self) -> str:
        bits = int.from_bytes(os.urandom(_RANDOM_BYTES * _POOL), "big") & _CHANCE | _FIXED
        tails = bits.to_bytes(_RANDOM_BYTES * _POOL, "big").hex(" ", _RANDOM_BYTES).split()
        tail = tails.pop()
        self._tails = tails
        return tail


_ids = _Ids()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_ids.forget)

#: return a fresh UUIDv7 in its usual spelling
new_request_id = _ids.make
