"""Small documents of the formats that hold many tools, made for the tests, and how to import them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from catalog_samples import OPENAPI, save

from toolwise.catalog import LeftOut, import_sources
from toolwise.types import Toolset

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"

BREW: dict[str, Any] = {
    "name": "brew_tea",
    "description": "Brew a **pot**.",
    "parameters": {
        "type": "object",
        "properties": {
            "leaf": {"type": "string", "enum": ["green", "black"]},
            "grams": {"type": "integer", "default": 3},
            "cup": {"$ref": "#/$defs/Cup"},
        },
        "required": ["leaf"],
        "$defs": {"Cup": {"type": "object", "properties": {"in": {"$ref": "#/$defs/Cup"}, "ml": {"type": "number"}}}},
    },
}

OPENAI: list[dict[str, Any]] = [
    {"type": "function", "function": BREW, "toolset": "Tea House", "category": "Drinks"},
    {"type": "function", "function": {"name": "list_teas"}, "toolset": "Tea House"},
    {**BREW, "name": "pour", "toolset": "Pots & Pans"},
]
ANTHROPIC: dict[str, Any] = {
    "tools": [
        {
            "name": "brew_tea",
            "description": "Brew.",
            "input_schema": BREW["parameters"],
            "input_examples": [{"leaf": "green"}],
        },
        {"type": "web_search_20250305", "name": "web_search"},
    ]
}
MCP: dict[str, Any] = {
    "jsonrpc": "2.0",
    "id": 1,
    "result": {
        "serverInfo": {"name": "tea-server"},
        "tools": [
            {
                "name": "delete_pot",
                "title": "Delete a pot",
                "inputSchema": {"type": "object", "properties": {"id": {"type": "string"}}},
                "outputSchema": {"type": "object", "properties": {"ok": {"type": "boolean"}}},
                "annotations": {"readOnlyHint": False, "destructiveHint": True, "idempotentHint": True},
            }
        ],
    },
}
BFCL: list[dict[str, Any]] = [
    {
        "id": f"simple_{i}",
        "question": [[{"role": "user", "content": "?"}]],
        "function": [
            {
                "name": "tea.mix",
                "description": "Mix teas.",
                "parameters": {
                    "type": "dict",
                    "properties": {
                        "weights": {"type": "tuple", "items": {"type": "float"}},
                        "options": {"type": "dict", "properties": {"hot": {"type": "boolean", "default": "True"}}},
                        "anything": {"type": "any"},
                    },
                    "required": ["weights"],
                },
            }
        ],
    }
    for i in range(2)
]
SEAL: list[dict[str, Any]] = [
    {
        "api_name": name,
        "api_description": "Brews.",
        "field": "Kitchen/Tea",
        "parameters": {
            "leaf": {"type": "str", "description": "Which"},
            "grams": {"type": "int"},
            "fast": {"type": "bool"},
        },
        "required": ["leaf"],
        "responses": {"pot": {"type": "str", "description": "The pot's id"}, "temperature": {"type": "float"}},
    }
    for name in ("brewTea", "pourTea")
]
TOOLBENCH_TOOL: dict[str, Any] = {
    "tool_name": "Tea House",
    "tool_description": "Everything about tea.",
    "title": "Tea House",
    "host": "tea.p.rapidapi.test",
    "score": {"avgLatency": 10, "popularityScore": 9.5},
    "api_list": [
        {
            "name": "Get pot",
            "url": "https://tea.p.rapidapi.test/pots/{pot_id}",
            "description": "One pot",
            "method": "GET",
            "required_parameters": [{"name": "pot_id", "type": "NUMBER", "description": "Which", "default": "7"}],
            "optional_parameters": [
                {"name": "lang", "type": "ENUM", "default": "en", "enum": ["en", "de"]},
                {"name": "since", "type": "DATE (YYYY-MM-DD)", "default": ""},
            ],
            "statuscode": 200,
            "schema": {"type": "object", "properties": {"leaf": {"type": "string"}}},
        },
        {
            "name": "Make pot",
            "url": "https://tea.p.rapidapi.test/pots",
            "method": "POST",
            "required_parameters": [{"name": "leaf", "type": "STRING", "default": "green"}],
            "optional_parameters": [],
            "body": {"id": 1, "leaf": "green"},
        },
    ],
}


def api(name: str, **more: Any) -> dict[str, Any]:
    """One API of an instruction file."""
    return {
        "category_name": "Food",
        "tool_name": "Tea House",
        "api_name": name,
        "api_description": f"{name}.",
        "required_parameters": [],
        "optional_parameters": [{"name": "n", "type": "NUMBER", "description": "", "default": "2.5"}],
        "method": "GET",
        **more,
    }


QUERIES: list[dict[str, Any]] = [
    {"api_list": [api("Get pot"), api("List")], "query": "q", "relevant APIs": [["Tea House", "List"]], "query_id": 1},
    {
        "api_list": [api("List", template_response={"teas": [{"name": "str", "_list_length": 3}], "n": "int"})],
        "query": "r",
    },
]
TOOLALPACA: list[dict[str, Any]] = [
    {
        "Name": "Tea",
        "Description": "Brews tea",
        "Category": "Food & Drink",
        "Introduction": "All about tea.",
        "Functions": '1. Name: brew\n   Description: Brews.\n   Input: {"leaf": "Required. String. Which one.", '
        '"grams": "Optional. Integer. One of: [3, 5]."}\n   Output: A pot.\n\n2. Name: stop\n   Description: Stops.'
        "\n   Input: {}\n   Output: Nothing.",
        "Documentation": json.dumps(OPENAPI),
        "Function_Description": {"brew": 'Brews.\nParameters: {"leaf": "Required. string."}\nOutput: A pot.'},
    }
]
PUBLIC_APIS: dict[str, Any] = {
    "count": 2,
    "entries": [
        {"API": "Tea", "Description": "About tea", "Auth": "apiKey", "Link": "https://tea.test", "Category": "Food"},
        {"API": "Cats", "Description": "Pictures", "Auth": "", "Link": "https://cats.test", "Category": "Animals"},
    ],
}

MANY: dict[str, Any] = {
    "openai": OPENAI,
    "anthropic": ANTHROPIC,
    "mcp": MCP,
    "bfcl": BFCL,
    "seal_tools": SEAL,
    "toolbench": TOOLBENCH_TOOL,
    "toolbench_queries": QUERIES,
    "toolalpaca": TOOLALPACA,
    "public_apis": PUBLIC_APIS,
}


def lines(rows: list[Any]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def load_all(folder: Path, document: Any, name: str = "document.json") -> tuple[list[Toolset], list[LeftOut]]:
    """Import one document of any number of toolsets."""
    toolsets: list[Toolset] = []
    left_out: list[LeftOut] = []
    for item in import_sources([str(save(folder, name, document))]):
        (toolsets if isinstance(item, Toolset) else left_out).append(item)  # type: ignore[arg-type]
    return toolsets, left_out
