"""Which model the examples ask: one that the environment names, else none at all."""

import os

from worker import Completion
from worker.completions import RuleCompletion

DEFAULT_MODEL = "gpt-4.1-mini"


def model_or(rules: RuleCompletion) -> Completion:
    """Return a model if OPENAI_API_KEY or OPENAI_BASE_URL is set, else the rules; OPENAI_MODEL names the model.

    An application of your own needs none of this: it says `completion=OpenAICompletion("gpt-4.1-mini")`.
    """
    environment = os.environ
    if not (environment.get("OPENAI_API_KEY") or environment.get("OPENAI_BASE_URL")):
        return rules
    from worker.completions import OpenAICompletion  # noqa: PLC0415 - the examples run without the extra, too

    return OpenAICompletion(environment.get("OPENAI_MODEL") or DEFAULT_MODEL)
