"""A function that was there before Swarmline, as an agent: no model, and not one line of the function changed.

make demo ARGS="--app examples.bring_your_own:app"
"""

from examples.bring_your_own.app import SAMPLES, app

__all__ = ["SAMPLES", "app"]
