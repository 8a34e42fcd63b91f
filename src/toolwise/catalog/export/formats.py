"""The formats that a catalog can be written in."""

from __future__ import annotations

from enum import StrEnum


class ExportFormat(StrEnum):
    """A format that other systems read."""

    OPENAPI = "openapi"
    """A folder with one OpenAPI 3.1 document a toolset."""
    MCP = "mcp"
    """A folder with one answer to MCP's `tools/list` a toolset."""
    OPENAI = "openai"
    """One file: an array (or, named `.jsonl`, lines) of OpenAI functions with their toolset and category beside."""
    TOOLBENCH = "toolbench"
    """A folder a category with one RapidAPI tool a toolset, as ToolBench keeps them (arXiv 2307.16789)."""
    TOOLALPACA = "toolalpaca"
    """One file: an array of toolsets with ToolAlpaca's standard documentation (arXiv 2306.05301, section 3.1)."""
