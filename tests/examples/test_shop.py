"""The shop of the support example: what pays an order back pays it once."""

from pathlib import Path

import pytest

from examples.support.shop import Order, Shop


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop.sqlite3")


def order(shop: Shop) -> Order:
    found = shop.order("you", 41)
    assert found
    return found


def test_a_customer_sees_only_orders_of_their_own(shop: Shop) -> None:
    assert [order.id for order in shop.orders("you")] == [44, 43, 42, 41]
    assert shop.order("you", 7) is None
    assert shop.order("alice", 7)
    assert shop.orders("nobody") == []


def test_the_same_key_pays_once_and_is_told_so_each_time(shop: Shop) -> None:
    assert shop.refund(order(shop), "turn-1")
    assert shop.refund(order(shop), "turn-1")
    assert not shop.refund(order(shop), "turn-2")


def test_another_order_has_its_own_payment(shop: Shop) -> None:
    first, second = (found for found in shop.orders("you") if found.id in (41, 42))
    assert shop.refund(first, "turn-1")
    assert shop.refund(second, "turn-2")


def test_what_was_paid_stays_paid(shop: Shop, tmp_path: Path) -> None:
    assert shop.refund(order(shop), "turn-1")
    assert not Shop(tmp_path / "shop.sqlite3").refund(order(shop), "turn-2")
