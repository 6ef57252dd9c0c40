"""What a user writes: applications, swarms, agents, tools, policies and completions, as plain frozen values."""

from worker.definitions.app import App

__all__ = ["App"]
