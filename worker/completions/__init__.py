"""Adapters to models; the three here need nothing installed and no key."""

from worker.completions.echo import EchoCompletion
from worker.completions.rules import RuleCompletion
from worker.completions.scripted import ScriptedCompletion

__all__ = ["EchoCompletion", "RuleCompletion", "ScriptedCompletion"]
