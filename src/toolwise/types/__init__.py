"""The nouns: frozen pydantic models, no behaviour that does I/O."""

from toolwise.types.base import Frozen, Json, Schema, canonical_json, content_key
from toolwise.types.examples import (
    ChatMessage,
    FunctionTool,
    PreferencePair,
    RetrievalPair,
    SFTExample,
)
from toolwise.types.messages import Message, Role, ToolCall
from toolwise.types.observations import Observation, ObservationSource, ToolErrorKind, read_content
from toolwise.types.reports import Metric, Report, Table
from toolwise.types.tasks import (
    Blueprint,
    BlueprintCall,
    Checks,
    Outcome,
    Provenance,
    Reference,
    Split,
    Task,
    TaskKind,
    WorldSpec,
)
from toolwise.types.tools import (
    AwsBinding,
    Binding,
    Catalog,
    Hints,
    HttpBinding,
    McpBinding,
    ParameterLocation,
    PythonBinding,
    Tool,
    Toolset,
)
from toolwise.types.trajectories import Node, StopReason, Trajectory
from toolwise.types.verdicts import Check, Funnel, RejectReason, Verdict

__all__ = [
    "AwsBinding",
    "Binding",
    "Blueprint",
    "BlueprintCall",
    "Catalog",
    "ChatMessage",
    "Check",
    "Checks",
    "Frozen",
    "FunctionTool",
    "Funnel",
    "Hints",
    "HttpBinding",
    "Json",
    "McpBinding",
    "Message",
    "Metric",
    "Node",
    "Observation",
    "ObservationSource",
    "Outcome",
    "ParameterLocation",
    "PreferencePair",
    "Provenance",
    "PythonBinding",
    "Reference",
    "RejectReason",
    "Report",
    "RetrievalPair",
    "Role",
    "SFTExample",
    "Schema",
    "Split",
    "StopReason",
    "Table",
    "Task",
    "TaskKind",
    "Tool",
    "ToolCall",
    "ToolErrorKind",
    "Toolset",
    "Trajectory",
    "Verdict",
    "WorldSpec",
    "canonical_json",
    "content_key",
    "read_content",
]
