"""Small OpenAPI documents of our own: enough toolsets, in enough categories, for a whole run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

PROVIDERS = {
    "Corner Bookshop": ("Shopping", "book", "title", "shelf"),
    "Night Bakery": ("Shopping", "loaf", "flour", "oven"),
    "City Garage": ("Travel", "vehicle", "plate", "bay"),
    "River Ferries": ("Travel", "crossing", "harbour", "deck"),
    "Hill Clinic": ("Health", "appointment", "patient", "ward"),
    "Park Dentists": ("Health", "treatment", "tooth", "chair"),
    "Quiet Radio": ("Media and Video", "episode", "host", "studio"),
    "Garden Films": ("Media and Video", "screening", "film", "hall"),
    "Lake Rowing": ("Sports", "boat", "crew", "lane"),
    "Green Meters": ("Energy and Environment", "meter", "serial", "street"),
    "Small Loans": ("Finance", "loan", "borrower", "branch"),
    "Open School": ("Education", "course", "teacher", "room"),
}


def document(title: str) -> dict[str, Any]:
    """One provider's OpenAPI 3.1 document: create, get, list, change and delete one kind of record."""
    category, noun, first, second = PROVIDERS[title]
    record = {
        "type": "object",
        "properties": {
            "id": {"type": "string", "description": f"Identifier of the {noun}"},
            first: {"type": "string", "description": f"The {noun}'s {first}"},
            second: {"type": "string", "description": f"The {noun}'s {second}"},
            "amount": {"type": "integer", "minimum": 1, "maximum": 900},
            "status": {"type": "string", "enum": ["open", "held", "closed"]},
        },
        "required": [first],
    }
    reference = {"$ref": "#/components/schemas/Record"}
    key = {"name": f"{noun}_id", "in": "path", "required": True, "schema": {"type": "string"}}
    body = {"required": True, "content": {"application/json": {"schema": reference}}}
    answer = {"description": "The record", "content": {"application/json": {"schema": reference}}}
    many = {"type": "object", "properties": {f"{noun}s": {"type": "array", "items": reference}}}
    listing = {"description": "All records", "content": {"application/json": {"schema": many}}}
    size = {"name": "page_size", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 100}}

    def operation(verb: str, summary: str, response: object, **more: object) -> dict[str, object]:
        return {"operationId": f"{verb}_{noun}", "summary": summary, "responses": {"200": response}, **more}

    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": "1", "description": f"The {noun}s of {title}.", "x-category": category},
        "servers": [{"url": "https://api.example.invalid"}],
        "paths": {
            f"/{noun}s": {
                "get": operation("list", f"Lists all {noun}s of the shop.", listing, parameters=[size]),
                "post": operation("create", f"Creates a {noun}.", answer, requestBody=body),
            },
            f"/{noun}s/{{{noun}_id}}": {
                "parameters": [key],
                "get": operation("get", f"Gets the details of one {noun}.", answer),
                "patch": operation("update", f"Updates a {noun} with new values.", answer, requestBody=body),
                "delete": operation("delete", f"Deletes a {noun} for good.", {"description": "Gone"}),
            },
        },
        "components": {"schemas": {"Record": record}},
    }


def write_documents(folder: Path) -> Path:
    """All providers' documents as files of one folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for title in PROVIDERS:
        (folder / f"{title.replace(' ', '_').lower()}.json").write_text(json.dumps(document(title)))
    return folder
