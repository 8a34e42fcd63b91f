"""Tool, Toolset and Catalog: what can be called, and how."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field, PrivateAttr, model_validator

from toolwise.types.base import Frozen, Json, Schema


class ParameterLocation(StrEnum):
    """Where an HTTP request carries a parameter."""

    PATH = "path"
    """Substituted into the path template."""
    QUERY = "query"
    """A query-string field."""
    HEADER = "header"
    """A request header."""
    COOKIE = "cookie"
    """A cookie."""
    BODY = "body"
    """One property of the JSON (or form) body."""
    WHOLE_BODY = "whole_body"
    """The parameter's value is the entire body."""


class ParameterStyle(StrEnum):
    """How a value becomes text in a request (OpenAPI 3.1.1, "Style Values"; RFC 6570).

    A parameter in the path or a header is SIMPLE, one in the query, a cookie or a form FORM_EXPLODED, unless stated.
    """

    SIMPLE = "simple"
    """`1,2`; an object is `a,1,b,2`."""
    SIMPLE_EXPLODED = "simple_exploded"
    """`1,2`; an object is `a=1,b=2`."""
    LABEL = "label"
    """`.1,2`; an object is `.a,1,b,2`."""
    LABEL_EXPLODED = "label_exploded"
    """`.1.2`; an object is `.a=1.b=2`."""
    MATRIX = "matrix"
    """`;name=1,2`; an object is `;name=a,1,b,2`."""
    MATRIX_EXPLODED = "matrix_exploded"
    """`;name=1;name=2`; an object is `;a=1;b=2`."""
    RESERVED = "reserved"
    """In the path: the slashes of a resource name stay (`{+name}`)."""
    FORM = "form"
    """`name=1,2`; an object is `name=a,1,b,2`."""
    FORM_EXPLODED = "form_exploded"
    """`name=1&name=2`; an object is `a=1&b=2`."""
    SPACE_DELIMITED = "space_delimited"
    """`name=1 2`, the space encoded."""
    PIPE_DELIMITED = "pipe_delimited"
    """`name=1|2`."""
    TAB_DELIMITED = "tab_delimited"
    """As above with a tab (Swagger 2.0, `tsv`)."""
    DEEP_OBJECT = "deep_object"
    """`name[a]=1&name[b][0]=2`."""
    JSON = "json"
    """The value as a JSON document (a parameter with `content`)."""


class HttpBinding(Frozen):
    """Call the tool by an HTTP request."""

    kind: Literal["http"] = "http"
    method: str
    path: str
    """A path template such as `/files/{file_id}`, relative to the toolset's server."""
    locations: Mapping[str, ParameterLocation] = Field(default_factory=dict)
    """Parameter name -> where the request carries it."""
    wire_names: Mapping[str, str] = Field(default_factory=dict)
    """Parameter name -> its name on the wire, where the two differ."""
    styles: Mapping[str, ParameterStyle] = Field(default_factory=dict)
    """Parameter name -> how its value is written, where that is not its location's default."""
    media_type: str | None = None
    """The body's media type; none where there is no body."""


class AwsBinding(Frozen):
    """Call the tool as an operation of an AWS service."""

    kind: Literal["aws"] = "aws"
    service: str
    operation: str
    protocol: str
    method: str
    path: str


class McpBinding(Frozen):
    """Call the tool on an MCP server."""

    kind: Literal["mcp"] = "mcp"
    server: str
    """How to reach the server: a command line (stdio) or an http(s) address (streamable HTTP)."""
    tool: str
    """The tool's name on the server, which may be no legal name here."""
    wire_names: Mapping[str, str] = Field(default_factory=dict)
    """Parameter name -> its name on the server, where the two differ."""


class PythonBinding(Frozen):
    """Call the tool as a Python function, in a process of its own."""

    kind: Literal["python"] = "python"
    module: str
    """A file's path or an importable module's dotted name."""
    function: str
    """The function's name in its module; `Class.method` for a static or class method."""


Binding = Annotated[HttpBinding | AwsBinding | McpBinding | PythonBinding, Field(discriminator="kind")]


class Hints(Frozen):
    """What a call does to the world, as MCP's tool annotations say it; none where unknown."""

    read_only: bool | None = None
    idempotent: bool | None = None
    destructive: bool | None = None


class Tool(Frozen):
    """One callable function."""

    id: str
    """`<toolset>.<name>`; a toolset's name has no dot, a tool's name may have some."""
    name: str
    description: str = ""
    parameters: Schema = Field(default_factory=lambda: {"type": "object", "properties": {}})
    """A JSON Schema object. `$ref: #/$defs/X` points into the toolset's `definitions`."""
    returns: Schema | None = None
    examples: tuple[dict[str, Json], ...] = ()
    """Known good arguments."""
    hints: Hints = Hints()
    binding: Binding | None = None

    _definitions: Mapping[str, Schema] = PrivateAttr(default_factory=dict)

    @property
    def definitions(self) -> Mapping[str, Schema]:
        """The toolset's shared schemas, attached when the Toolset is built; empty for a loose tool."""
        return self._definitions

    @property
    def toolset(self) -> str:
        return self.id.split(".", 1)[0]

    @property
    def properties(self) -> Mapping[str, Schema]:
        """Parameter name -> schema, unresolved."""
        properties = self.parameters.get("properties")
        return properties if isinstance(properties, dict) else {}

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the parameters that every call must give."""
        return tuple(self.parameters.get("required") or ())

    def attach(self, definitions: Mapping[str, Schema]) -> None:
        """Make `definitions` the target of this tool's references (a Toolset does this)."""
        self._definitions = definitions


class Toolset(Frozen):
    """A provider's group of tools: an OpenAPI document, an MCP server, an AWS service."""

    name: str
    title: str = ""
    description: str = ""
    introduction: str = ""
    category: str = ""
    collections: tuple[str, ...] = ()
    family: str = ""
    """Versions of one API share a family; the split never separates a family. Defaults to `name`."""
    servers: tuple[str, ...] = ()
    auth: tuple[str, ...] = ()
    source: str = ""
    """Where the document came from: a format and a file or package name."""
    definitions: dict[str, Schema] = Field(default_factory=dict)
    """Schemas that tools share by `#/$defs/<name>`; kept once, because inlining real ones explodes."""
    tools: tuple[Tool, ...] = ()

    @model_validator(mode="after")
    def _attach_definitions(self) -> Toolset:
        for tool in self.tools:
            tool.attach(self.definitions)
        return self

    @cached_property
    def by_name(self) -> Mapping[str, Tool]:
        return {tool.name: tool for tool in self.tools}


class Catalog(Frozen):
    """All toolsets; look-up by id."""

    toolsets: tuple[Toolset, ...] = ()

    @cached_property
    def by_name(self) -> Mapping[str, Toolset]:
        return {toolset.name: toolset for toolset in self.toolsets}

    def toolset(self, name: str) -> Toolset:
        """Raises KeyError for an unknown name."""
        return self.by_name[name]

    def tool(self, tool_id: str) -> Tool:
        """Raises KeyError for an unknown id."""
        toolset, _, name = tool_id.partition(".")
        return self.by_name[toolset].by_name[name]

    def tools(self) -> Iterator[Tool]:
        for toolset in self.toolsets:
            yield from toolset.tools

    def subset(self, names: set[str]) -> Catalog:
        """The toolsets with these names, in this catalog's order."""
        return Catalog(toolsets=tuple(t for t in self.toolsets if t.name in names))

    def __len__(self) -> int:
        return sum(len(toolset.tools) for toolset in self.toolsets)
