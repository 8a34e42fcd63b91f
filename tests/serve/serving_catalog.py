"""A catalog with every way to place a parameter, tools without a binding, and the server as a real process."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from toolwise.catalog import write_catalog
from toolwise.types import Catalog, Toolset

RECORD = {"$ref": "#/$defs/Crate"}
ID = {"type": "string"}


def _http(method: str, path: str, media_type: str | None = None, **locations: str) -> dict[str, Any]:
    return {"kind": "http", "method": method, "path": path, "locations": locations, "media_type": media_type}


def _tool(name: str, properties: dict[str, Any], binding: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
    required = more.pop("required", [])
    parameters = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return {"id": f"depot.{name}", "name": name, "parameters": parameters, "binding": binding, **more}


DEPOT = Toolset.model_validate(
    {
        "name": "depot",
        "title": "Depot",
        "definitions": {
            "Crate": {
                "type": "object",
                "properties": {
                    "id": ID,
                    "label": {"type": "string", "minLength": 12},
                    "weight": {"type": "number"},
                    "tags": {"type": "array", "items": {"type": "string"}},
                    "inner": {"$ref": "#/$defs/Crate"},
                },
            }
        },
        "tools": [
            _tool(
                "create_crate",
                {"label": {"type": "string"}, "weight": {"type": "number"}, "inner": RECORD},
                _http("POST", "/crates", "application/json", label="body", weight="body", inner="body"),
                required=["label"],
                returns=RECORD,
                description="Creates a crate.",
            ),
            _tool(
                "get_crate",
                {"crate_id": ID},
                _http("GET", "/crates/{crate_id}", crate_id="path"),
                required=["crate_id"],
                returns=RECORD,
                hints={"read_only": True, "idempotent": True},
            ),
            _tool(
                "delete_crate",
                {"crateId": ID},
                _http("DELETE", "/crates/{crateId}", crateId="path"),
                required=["crateId"],
                hints={"destructive": True, "read_only": False},
            ),
            _tool(
                "list_crates",
                {
                    "tags": {"type": "array", "items": {"type": "integer"}},
                    "trace": {"type": "boolean"},
                    "theme": {"type": "string", "enum": ["dark", "light"]},
                    "where": {"type": "object", "properties": {"weight": {"type": "number"}}},
                },
                {
                    **_http("GET", "/crates", tags="query", trace="header", theme="cookie", where="query"),
                    "wire_names": {"trace": "X-Trace"},
                },
                returns={"type": "object", "properties": {"crates": {"type": "array", "items": RECORD}}},
            ),
            _tool(
                "count_crates",
                {},
                _http("GET", "/crates/count"),
                returns={"type": "integer"},
                hints={"read_only": True},
            ),
            _tool(
                "close_crate",
                {"crate_id": ID},
                _http("POST", "/crates/{crate_id}:close", crate_id="path"),
                required=["crate_id"],
            ),
            _tool(
                "label_crate",
                {"crate_id": ID, "text": {"type": "string"}, "copies": {"type": "integer"}},
                _http(
                    "POST",
                    "/crates/{crate_id}/label",
                    "application/x-www-form-urlencoded",
                    crate_id="path",
                    text="body",
                    copies="body",
                ),
                required=["crate_id", "text"],
            ),
            _tool(
                "replace_all",
                {"body": {"type": "array", "items": RECORD}},
                _http("PUT", "/crates", "application/json", body="whole_body"),
                required=["body"],
            ),
            _tool(
                "get_by_name",
                {"name": {"type": "string", "pattern": "^halls/[^/]+/crates/[^/]+$"}},
                _http("GET", "/v1/{name}", name="path"),
                required=["name"],
                returns=RECORD,
            ),
            _tool(
                "inspect_by_name",
                {"name": {"type": "string", "pattern": "^halls/[^/]+/crates/[^/]+$"}},
                _http("POST", "/v1/{name}:inspect", name="path"),
                required=["name"],
                returns={"type": "object", "properties": {"name": {"type": "string"}}},
            ),
            _tool("get_crate_again", {"key": ID}, _http("GET", "/crates/{key}", key="path"), returns=RECORD),
        ],
    }
)
ABACUS = Toolset.model_validate(
    {
        "name": "abacus",
        "title": "Abacus",
        "tools": [
            {
                "id": "abacus.math.add",
                "name": "math.add",
                "description": "Adds two numbers.",
                "parameters": {
                    "type": "object",
                    "properties": {"a": {"type": "number"}, "b": {"type": "number"}},
                    "required": ["a", "b"],
                    "additionalProperties": False,
                },
                "returns": {"type": "object", "properties": {"sum": {"type": "number"}}, "required": ["sum"]},
            },
            {
                "id": "abacus.say",
                "name": "say",
                "description": "Says a word.",
                "parameters": {"type": "object", "properties": {}},
                "returns": {"type": "string"},
            },
        ],
    }
)


def many_tools(count: int) -> Toolset:
    """A toolset of so many small tools."""
    tools = [
        {"id": f"many.tool_{n}", "name": f"tool_{n}", "parameters": {"type": "object", "properties": {"n": ID}}}
        for n in range(count)
    ]
    return Toolset.model_validate({"name": "many", "tools": tools})


def save(folder: Path, *toolsets: Toolset) -> Path:
    """A saved catalog of these toolsets."""
    write_catalog(Catalog(toolsets=toolsets), folder)
    return folder


def command(catalog: Path, *options: object) -> list[str]:
    return [sys.executable, "-m", "toolwise", "catalog", "serve", str(catalog), *map(str, options)]


@contextmanager
def running(catalog: Path, *options: object) -> Iterator[dict[str, Any]]:
    """The server on a free port of loopback; what it announced. It must end cleanly."""
    process = subprocess.Popen(
        command(catalog, "--port", 0, "--json", *options), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, process.communicate()[1]
        yield json.loads(line)
    finally:
        process.send_signal(signal.SIGTERM)
        rest, errors = process.communicate(timeout=20)
    assert process.returncode == 0, errors
    assert rest == ""
    assert "Traceback" not in errors
