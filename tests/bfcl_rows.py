"""A small benchmark in BFCL's form, made for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

FUNCTION: dict[str, Any] = {
    "name": "shop.order",
    "description": "Order goods.",
    "parameters": {
        "type": "dict",
        "properties": {
            "item": {"type": "string", "description": "What."},
            "count": {"type": "integer", "description": "How many."},
            "price": {"type": "float", "description": "The most to pay."},
            "tags": {"type": "array", "items": {"type": "string"}, "description": "Labels."},
            "address": {"type": "dict", "properties": {"city": {"type": "string"}}, "description": "Where to."},
            "corner": {"type": "tuple", "items": {"type": "integer"}, "description": "A point."},
        },
        "required": ["item", "count"],
    },
}
ANSWER: dict[str, Any] = {
    "shop.order": {
        "item": ["green tea", "tea, green"],
        "count": [2],
        "price": [5.0, ""],
        "tags": [["Hot", "fresh"], ""],
        "address": [{"city": ["Bern"], "zip": ["3000", ""]}, ""],
        "corner": [[1, 2], ""],
    }
}
OTHER: dict[str, Any] = {"shop.order": {"item": ["milk"], "count": [1], "price": ["", 2.0]}}


def write_bfcl(folder: Path) -> Path:
    """Five tasks: simple, parallel, irrelevance, relevance, multiple."""
    questions = {
        "simple_python": ("simple_python_0", [ANSWER]),
        "multiple": ("multiple_0", [OTHER]),
        "parallel": ("parallel_0", [ANSWER, OTHER]),
        "irrelevance": ("irrelevance_0", None),
        "live_relevance": ("live_relevance_0-0-0", None),
    }
    (folder / "possible_answer").mkdir(parents=True, exist_ok=True)
    for category, (key, answers) in questions.items():
        question = {"id": key, "question": [[{"role": "user", "content": "order two teas"}]], "function": [FUNCTION]}
        (folder / f"BFCL_v4_{category}.json").write_bytes(orjson.dumps(question) + b"\n")
        if answers is not None:
            row = {"id": key, "ground_truth": answers}
            (folder / "possible_answer" / f"BFCL_v4_{category}.json").write_bytes(orjson.dumps(row) + b"\n")
    return folder


def write_rows(path: Path, rows: list[Any]) -> Path:
    path.write_bytes(b"\n".join(row if isinstance(row, bytes) else orjson.dumps(row) for row in rows) + b"\n")
    return path
