"""What a connection says when nothing comes back."""

import socket

import pytest

from worker.errors import QueueUnavailable
from worker.store.link import Link


async def test_a_server_that_says_nothing_is_named_as_such() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        link = Link(f"redis://127.0.0.1:{deaf.getsockname()[1]}", timeout_s=0.1)
        with pytest.raises(QueueUnavailable, match=r"PING: \S"):
            await link.command("PING")
        await link.close()
