"""What a written form cannot hold, counted."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum


class Loss(StrEnum):
    """Something that the written form does not hold, counted once a tool (or a toolset)."""

    BINDING = "binding"
    """How to call the tool for real: the format has no place for it, or none for this kind of binding."""
    RETURNS = "returns"
    """The schema of the response."""
    HINTS = "hints"
    """What is known of the call's effects."""
    EXAMPLES = "examples"
    """Known good arguments."""
    TOOL_NAME = "tool_name"
    """The name is not legal in the format; the legal one stands in its place, and the id beside it."""
    NESTED_SCHEMA = "nested_schema"
    """What is inside a parameter that is an object or an array, beyond its type."""
    CONSTRAINTS = "constraints"
    """A parameter's constraints (bounds, patterns, formats) or its exact type."""
    INVALID_DEFAULT = "invalid_default"
    """A default that its own schema refuses, which would make the document invalid."""
    BROKEN_REFERENCE = "broken_reference"
    """A reference to a definition that the toolset does not have; the empty schema stands in its place."""
    PARAMETER = "parameter"
    """A second parameter of the same name and place in a request."""
    TOOLSET_DETAILS = "toolset_details"
    """The toolset's collections, servers, or kinds of authentication."""


Losses = Counter[str]
"""How many tools (or toolsets) lost what, by `Loss`."""
