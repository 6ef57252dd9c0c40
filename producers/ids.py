"""Request ids: UUIDs of version 7, which sort by the time at which they were made."""

import os
import time

_POOL_BYTES = 4000
_RANDOM_BYTES = 10


class _Entropy:
    """Random bytes, bought in bulk: a system call per id would cost more than the rest of it."""

    def __init__(self) -> None:
        self._pool = b""
        self._at = 0

    def take(self) -> int:
        """Return 80 random bits that nobody had before."""
        start = self._at
        end = start + _RANDOM_BYTES
        if end > len(self._pool):
            self._pool = os.urandom(_POOL_BYTES)
            start, end = 0, _RANDOM_BYTES
        self._at = end
        return int.from_bytes(self._pool[start:end], "big")

    def forget(self) -> None:
        """Drop the pool; a forked child would otherwise make the very ids of its parent."""
        self._pool = b""
        self._at = 0


_entropy = _Entropy()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_entropy.forget)


def new_request_id() -> str:
    """Return a fresh UUIDv7 in its usual spelling."""
    chance = _entropy.take()
    bits = (time.time_ns() // 1_000_000) << 80 | chance
    # RFC 9562: 48 bits of Unix ms, version 7, 12 random bits, variant 10, 62 random bits
    bits = bits & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62
    digits = f"{bits:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
