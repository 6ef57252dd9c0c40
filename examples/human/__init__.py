"""A machine that knows when to fetch a human, and the desk at which the human sits.

swarmline worker --app examples.human:app
python -m examples.human.desk redis://localhost:6379
"""

from examples.human.app import SAMPLES, app

__all__ = ["SAMPLES", "app"]
