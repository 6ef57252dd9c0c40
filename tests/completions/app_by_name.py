"""The same application, with a model that pydantic-ai finds by its name."""

from tests.completions.app import swarm
from worker import App
from worker.completions import PydanticAICompletion

app = App(swarms=[swarm("whole", PydanticAICompletion("openai-chat:tiny-1"))])
