"""A triage swarm: who answers is decided by hand-offs between three agents, and the way back by a tool.

make demo ARGS="--app examples.triage:app"
"""

from examples.triage.app import SAMPLES, app

__all__ = ["SAMPLES", "app"]
