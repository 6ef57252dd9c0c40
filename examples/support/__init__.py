"""A support swarm over a real table of orders: it looks orders up, and pays refunds by the rules of the shop.

make demo ARGS="--app examples.support:app"
"""

from examples.support.app import SAMPLES, app

__all__ = ["SAMPLES", "app"]
