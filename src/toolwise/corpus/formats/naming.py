"""The names by which ToolBench and ToolAlpaca know tools, and the way back from them to tool ids."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from toolwise.offers import Offer
from toolwise.ports import Tools
from toolwise.types import FunctionTool, Json, Schema, Tool

FINISH = "Finish"
"""ToolBench's function for the two finishing acts."""
_LONGEST = 64
_ILLEGAL = re.compile(r"[^0-9A-Za-z\u4e00-\u9fa5]+")
_RESERVED = frozenset({"from", "class", "return", "false", "true", "id", "and"})
_TOOLSET = re.compile(r'subfunction for tool "([^"]+)"')


def standard(name: str) -> str:
    """A name as ToolBench writes it: lower case, everything else than letters and digits one `_`."""
    made = _ILLEGAL.sub("_", name).strip("_").lower()
    return f"get_{made}" if made[:1].isdigit() else made


def _key(name: str) -> str:
    """What two spellings of one name share: accents and their letters' plain forms do not matter."""
    decomposed = unicodedata.normalize("NFKD", name)
    return standard("".join(letter for letter in decomposed if unicodedata.category(letter) != "Mn"))


def wire_name(name: str) -> str:
    """A tool's or a parameter's name in ToolBench's functions; Python's reserved words get `is_` before them."""
    made = standard(name)
    return f"is_{made}" if made in _RESERVED else made


def function_name(toolset: str, tool: str) -> str:
    """`<api>_for_<toolset>`, its last 64 characters."""
    return f"{wire_name(tool)}_for_{standard(toolset)}"[-_LONGEST:]


class ToolNames:
    """Known tools by the names that other systems give them. Where two tools share a name, the first one has it."""

    def __init__(self, tool_ids: Iterable[str] = (), tools: Tools | None = None) -> None:
        """`tools` looks the known ones up; without it arguments keep their names."""
        self._tools = tools
        self._known: set[str] = set()
        self._functions: dict[str, str] = {}
        self._apis: dict[tuple[str, str], str] = {}
        self._names: dict[str, list[str]] = {}
        self._toolsets: dict[str, list[str]] = {}
        for tool_id in tool_ids:
            toolset, _, name = tool_id.partition(".")
            self._known.add(tool_id)
            self._functions.setdefault(function_name(toolset, name), tool_id)
            self._apis.setdefault((_key(toolset), _key(name)), tool_id)
            self._names.setdefault(_key(name), []).append(tool_id)
            self._toolsets.setdefault(_key(toolset), []).append(tool_id)

    def __bool__(self) -> bool:
        return bool(self._known)

    def tool(self, tool_id: str) -> Tool | None:
        """A known tool with its schemas; none where it is unknown, or nobody can look it up."""
        return self._tools.tool(tool_id) if self._tools is not None and tool_id in self._known else None

    def of_function(self, name: str) -> str | None:
        return self._functions.get(name)

    def of_api(self, toolset: str, api: str) -> str | None:
        return self._apis.get((_key(toolset), _key(api)))

    def of_name(self, name: str) -> str | None:
        """The one tool whose own name this is; none where several have it."""
        found = self._names.get(_key(name), [])
        return found[0] if len(found) == 1 else None

    def of_toolset(self, toolset: str) -> list[str]:
        """The ids of a toolset's tools; empty where it is unknown."""
        return self._toolsets.get(_key(toolset), [])

    def arguments(self, tool_id: str, given: Mapping[str, Json]) -> dict[str, Json]:
        """A call's arguments under the tool's own parameter names."""
        tool = self.tool(tool_id)
        if tool is None:
            return dict(given)
        known = tool.properties
        own = {wire_name(name): name for name in known}
        return {name if name in known else own.get(name, name): value for name, value in given.items()}


def tool_id_of(function: Mapping[str, Any]) -> str:
    """The id that a ToolBench function states by its name and the sentence that names its toolset."""
    name = str(function["name"])
    stated = _TOOLSET.search(str(function.get("description") or ""))
    if stated is not None:
        toolset = standard(stated[1]) or "toolbench"
        suffix = f"_for_{toolset}"
        return f"{toolset}.{name.removesuffix(suffix) or name}"
    head, joined, tail = name.rpartition("_for_")
    return f"{tail}.{head}" if joined and head and tail else f"toolbench.{name}"


def schema_of(parameters: Any) -> Schema:
    """A ToolBench function's parameters as JSON Schema: without `optional`, examples where schemas have them."""
    if not isinstance(parameters, dict):
        return {"type": "object", "properties": {}}
    properties = parameters.get("properties")
    read = {
        name: {("example" if key == "example_value" else key): value for key, value in schema.items()}
        for name, schema in (properties if isinstance(properties, dict) else {}).items()
        if isinstance(schema, dict)
    }
    made: Schema = {"type": "object", "properties": read}
    required = parameters.get("required")
    if isinstance(required, list) and (known := [name for name in required if name in read]):
        made["required"] = known
    return made


def toolbench_parameters(schema: Schema) -> Schema:
    """The way back from `schema_of`."""
    required = list(schema.get("required") or ())
    properties = {
        name: {("example_value" if key == "example" else key): value for key, value in of_one.items()}
        for name, of_one in (schema.get("properties") or {}).items()
        if isinstance(of_one, dict)
    }
    optional = [name for name in properties if name not in required]
    return {"type": "object", "properties": properties, "required": required, "optional": optional}


class ToolBenchOffer(Offer):
    """The candidates under ToolBench's function names; a second tool of one name gets a number."""

    def __init__(self, tools: Sequence[Tool]) -> None:
        super().__init__(tools)
        names: dict[str, str] = {}
        for tool in self.tools:
            wanted = function_name(tool.toolset, tool.name)
            name, number = wanted, 2
            while name in names:
                name, number = f"{wanted[: _LONGEST - 4]}_{number}", number + 1
            names[name] = tool.id
        self.tool_ids = names
        """Function name -> tool id, in the order of the candidates."""
        self._toolbench = {tool_id: name for name, tool_id in names.items()}

    def name(self, tool_id: str) -> str:
        return self._toolbench.get(tool_id, tool_id)

    def tool_id(self, name: str) -> str:
        return self.tool_ids.get(name, name)

    def functions(self) -> tuple[FunctionTool, ...]:
        shown = super().functions()
        return tuple(
            {**one, "function": {**one["function"], "name": self.name(tool.id)}}
            for one, tool in zip(shown, self.tools, strict=True)
        )
