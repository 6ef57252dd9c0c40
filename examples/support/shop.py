"""The shop behind the support swarm: orders and refunds in SQLite."""

import os
import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

SCHEMA = """
CREATE TABLE IF NOT EXISTS orders (
    id INTEGER PRIMARY KEY, customer TEXT NOT NULL, item TEXT NOT NULL, cents INTEGER NOT NULL,
    status TEXT NOT NULL, ordered_on TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS refunds (
    idempotency_key TEXT PRIMARY KEY, order_id INTEGER NOT NULL UNIQUE REFERENCES orders, cents INTEGER NOT NULL
);
INSERT OR IGNORE INTO orders VALUES
    (7, 'alice', 'garden hose', 2900, 'delivered', date('now', '-5 days')),
    (41, 'you', 'tea pot', 3500, 'delivered', date('now', '-6 days')),
    (42, 'you', 'reading lamp', 4900, 'on its way', date('now', '-2 days')),
    (43, 'you', 'oak table', 38000, 'delivered', date('now', '-9 days')),
    (44, 'you', 'wool blanket', 8900, 'delivered', date('now', '-80 days'));
"""
COLUMNS = "id, item, cents, status, ordered_on, CAST(julianday('now') - julianday(ordered_on) AS INTEGER)"


class Order(NamedTuple):
    """One order of a customer."""

    id: int
    item: str
    cents: int
    status: str
    ordered_on: str
    age_days: int


class Shop:
    """Orders and refunds; each call opens the file anew, so any number of workers may use it."""

    def __init__(self, path: Path | None = None) -> None:
        """Keep the tables at `path`, else where SHOP_DB says, else beside this module."""
        self._path = path

    def orders(self, customer: str) -> list[Order]:
        """Return the orders of a customer, newest first."""
        with self._connected() as tables:
            rows = tables.execute(f"SELECT {COLUMNS} FROM orders WHERE customer = ? ORDER BY id DESC", (customer,))  # noqa: S608 - our own columns
            return [Order(*row) for row in rows]

    def order(self, customer: str, order_id: int) -> Order | None:
        """Return one order of a customer, None if there is no such order or it is somebody else's."""
        return next((order for order in self.orders(customer) if order.id == order_id), None)

    def refund(self, order: Order, idempotency_key: str) -> bool:
        """Pay an order back; True if this key has paid it, now or before, False if another one has.

        A worker may die after the payment and before anybody knows of it. The next one makes the same call with the
        same key, and must neither pay twice nor tell the customer that somebody else was faster.
        """
        with self._connected() as tables:
            row = (idempotency_key, order.id, order.cents)
            tables.execute("INSERT OR IGNORE INTO refunds VALUES (?, ?, ?)", row)
            paid = tables.execute("SELECT idempotency_key FROM refunds WHERE order_id = ?", (order.id,)).fetchone()
            return paid == (idempotency_key,)

    @contextmanager
    def _connected(self) -> Generator[sqlite3.Connection]:
        path = self._path or os.environ.get("SHOP_DB") or Path(__file__).with_name("shop.sqlite3")
        with closing(sqlite3.connect(path, timeout=10)) as tables:
            tables.executescript(SCHEMA)
            with tables:
                yield tables
