"""What an import left out, and why."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from toolwise.types import Frozen


class LeftOutReason(StrEnum):
    """Why a document, an operation or a reference is not in the catalog."""

    UNREADABLE = "unreadable"
    """The file cannot be read or decompressed."""
    MALFORMED = "malformed"
    """The file is not (or not completely) JSON or YAML, or is nested beyond reason."""
    TOO_LARGE = "too_large"
    """The document, or what its aliases and references expand to, is beyond the limits."""
    UNKNOWN_FORMAT = "unknown_format"
    """The document is not of a format that can be imported."""
    NO_OPERATIONS = "no_operations"
    """The document describes no operation."""
    DUPLICATE_DOCUMENT = "duplicate_document"
    """The same bytes were already imported from another file."""
    INVALID_OPERATION = "invalid_operation"
    """An operation is not an object, or has no usable name."""
    INVALID_ROW = "invalid_row"
    """A row of a document of many rows is not what its format asks for."""
    UNDOCUMENTED = "undocumented"
    """A tool is only named: nothing says what it does or which parameters it has."""
    UNREACHABLE = "unreachable"
    """A live source (an address, an MCP server, a Python module) could not be read."""
    INVALID_SCHEMA = "invalid_schema"
    """An operation's parameters or response could not be made a valid JSON Schema."""
    DUPLICATE_TOOLSET = "duplicate_toolset"
    """`catalog dedupe`: another toolset has the same title and the same tools."""
    DUPLICATE_TOOL = "duplicate_tool"
    """`catalog dedupe`: another tool says the same and calls the same."""
    OLDER_VERSION = "older_version"
    """`catalog dedupe --versions newest`: a newer version of the same API is there."""
    FAILED_PROBE = "failed_probe"
    """`catalog probe --apply`: the tool was called and does not work; the detail says how."""
    REMOTE_REFERENCE = "remote_reference"
    """A reference to another document, which is never fetched; the empty schema stands in its place."""
    BROKEN_REFERENCE = "broken_reference"
    """A reference to something that the document does not have; the empty schema stands in its place."""


class LeftOut(Frozen):
    """One thing that is not in the catalog."""

    source: str
    """The file, as the source names it."""
    where: str = ""
    """The operation or reference inside the document; empty for the whole document."""
    reason: LeftOutReason
    detail: str = ""

    def as_json(self) -> dict[str, Any]:
        return self.model_dump(mode="json")
