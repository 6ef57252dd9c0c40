"""Names of spans and their attributes, in one place: the GenAI conventions of OpenTelemetry are still on the move."""

from typing import Final

# spans
WAIT: Final = "wait"
PROCESS: Final = "process"
CHECK: Final = "check"
CHAT: Final = "chat"
EXECUTE_TOOL: Final = "execute_tool"
COMMIT: Final = "commit"
PUBLISH: Final = "publish"

# general
ERROR_TYPE: Final = "error.type"

# messaging
SYSTEM: Final = "messaging.system"
OPERATION_TYPE: Final = "messaging.operation.type"
OPERATION_NAME: Final = "messaging.operation.name"
DESTINATION: Final = "messaging.destination.name"
MESSAGE_ID: Final = "messaging.message.id"
MESSAGE_COUNT: Final = "messaging.batch.message_count"

# GenAI
GEN_AI_OPERATION: Final = "gen_ai.operation.name"
GEN_AI_CONVERSATION: Final = "gen_ai.conversation.id"
GEN_AI_AGENT: Final = "gen_ai.agent.name"
GEN_AI_MODEL: Final = "gen_ai.request.model"
GEN_AI_ANSWERED_BY: Final = "gen_ai.response.model"
GEN_AI_INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
GEN_AI_OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
GEN_AI_TOOL: Final = "gen_ai.tool.name"
GEN_AI_TOOL_CALL: Final = "gen_ai.tool.call.id"

# our own
SWARM: Final = "swarmline.swarm"
KIND: Final = "swarmline.kind"
ATTEMPT: Final = "swarmline.attempt"
OUTCOME: Final = "swarmline.outcome"
POLICY: Final = "swarmline.policy"
SIDE: Final = "swarmline.policy.side"
REFUSED: Final = "swarmline.policy.refused"
