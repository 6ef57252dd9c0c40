"""The backlog of a slow consumer."""

import pytest

from producers.errors import QueueUnavailable
from producers.listening import BACKLOG_MAX, GAP, Feed

CHANNEL = b"ns:{0}:client:s:alice"


async def test_items_come_in_order_after_the_gap_before_the_first_one() -> None:
    feed = Feed()
    feed.opened(CHANNEL)
    feed.heard(CHANNEL, b"one")
    feed.heard(CHANNEL, b"two")
    assert [await feed.take() for _ in range(3)] == [GAP, (CHANNEL, b"one"), (CHANNEL, b"two")]


async def test_a_backlog_that_is_too_long_becomes_a_gap() -> None:
    feed = Feed()
    for number in range(BACKLOG_MAX + 1):
        feed.heard(CHANNEL, b"%d" % number)
    assert await feed.take() is GAP
    assert await feed.take() == (CHANNEL, b"%d" % BACKLOG_MAX)


async def test_a_refused_feed_ends_after_what_it_holds() -> None:
    feed = Feed()
    feed.heard(CHANNEL, b"one")
    feed.refused("closed")
    assert await feed.take() == (CHANNEL, b"one")
    with pytest.raises(QueueUnavailable, match="closed"):
        await feed.take()
