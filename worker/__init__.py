"""Swarmline: conversations with swarms of agents on a message queue; this is the door for definitions."""

from worker.core.messages import Message, ToolCall
from worker.definitions.agent import Agent
from worker.definitions.app import App
from worker.definitions.callbacks import AgentCallbacks, PolicyCallbacks, StateCallbacks, SwarmCallbacks, ToolCallbacks
from worker.definitions.completion import Completion, CompletionMessage, CompletionRequest, ToolSpec, Usage
from worker.definitions.errors import DefinitionError
from worker.definitions.operator import Operator
from worker.definitions.policy import Policy
from worker.definitions.session_info import SessionInfo
from worker.definitions.states import State
from worker.definitions.swarm import Swarm, Texts
from worker.definitions.tools import Tool, tool
from worker.definitions.turn import StateHandle, Turn
from worker.errors import Retryable

__all__ = [
    "Agent",
    "AgentCallbacks",
    "App",
    "Completion",
    "CompletionMessage",
    "CompletionRequest",
    "DefinitionError",
    "Message",
    "Operator",
    "Policy",
    "PolicyCallbacks",
    "Retryable",
    "SessionInfo",
    "State",
    "StateCallbacks",
    "StateHandle",
    "Swarm",
    "SwarmCallbacks",
    "Texts",
    "Tool",
    "ToolCall",
    "ToolCallbacks",
    "ToolSpec",
    "Turn",
    "Usage",
    "tool",
]
