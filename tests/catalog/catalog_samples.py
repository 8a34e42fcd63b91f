"""Small documents of each format, made for the tests, and how to import one."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import orjson

from toolwise.catalog import LeftOut, import_sources
from toolwise.types import Toolset

SHARED_OPENAPI = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "openapi"

OPENAPI: dict[str, Any] = {
    "openapi": "3.0.3",
    "info": {"title": "Tea House API", "version": "1.2", "description": "Orders of <b>tea</b>, see [menu](http://m)."},
    "servers": [{"url": "https://{region}.tea.test/v1", "variables": {"region": {"default": "eu"}}}],
    "tags": [{"name": "orders"}],
    "paths": {
        "/pots/{pot_id}": {
            "parameters": [{"$ref": "#/components/parameters/PotId"}],
            "get": {
                "operationId": "getPot",
                "summary": "Get a pot",
                "description": "Fetches **one** pot.",
                "parameters": [
                    {"name": "fields[]", "in": "query", "schema": {"type": "array", "items": {"type": "string"}}},
                    {"name": "Authorization", "in": "header", "schema": {"type": "string"}},
                ],
                "responses": {
                    "200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pot"}}}}
                },
            },
            "put": {
                "operationId": "getPot",
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": {"$ref": "#/components/schemas/Pot"},
                            "example": {"leaf": "green", "grams": 3, "pot_id": "inside"},
                        }
                    },
                },
                "responses": {"204": {"description": "done"}},
            },
            "delete": {"responses": {"204": {"description": "gone"}}},
        },
        "/pots": {
            "post": {
                "operationId": "createPot",
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/NewPot"}}}},
                "responses": {
                    "201": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pot"}}}}
                },
            },
            "patch": {
                "operationId": "importPots",
                "requestBody": {
                    "content": {
                        "application/json": {
                            "schema": {"type": "array", "items": {"$ref": "#/components/schemas/NewPot"}}
                        }
                    }
                },
                "responses": {},
            },
        },
    },
    "components": {
        "parameters": {"PotId": {"name": "pot_id", "in": "path", "required": True, "schema": {"type": "string"}}},
        "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}},
        "schemas": {
            "Pot": {
                "type": "object",
                "required": ["leaf", "grams", "missing"],
                "properties": {
                    "id": {"type": "string", "readOnly": True},
                    "pot_id": {"type": "string"},
                    "leaf": {"type": "string", "enum": ["green", "black"]},
                    "grams": {"type": "number", "minimum": 0, "exclusiveMinimum": True, "example": 3},
                    "note": {"type": "string", "nullable": True, "pattern": "(["},
                    "blend": {"$ref": "#/components/schemas/Pot"},
                },
            },
            "Base": {"type": "object", "properties": {"owner": {"type": "string"}}, "required": ["owner"]},
            "NewPot": {
                "allOf": [
                    {"$ref": "#/components/schemas/Base"},
                    {"type": "object", "properties": {"leaf": {"type": "string"}}},
                ]
            },
            "Unused": {"type": "object"},
        },
    },
}

DISCOVERY: dict[str, Any] = {
    "kind": "discovery#restDescription",
    "discoveryVersion": "v1",
    "id": "kettles:v2",
    "name": "kettles",
    "version": "v2",
    "title": "Kettles API",
    "description": "Controls kettles.",
    "baseUrl": "https://kettles.googleapis.com/",
    "ownerDomain": "google.com",
    "auth": {"oauth2": {"scopes": {"https://www.googleapis.com/auth/cloud-platform": {}}}},
    "parameters": {"alt": {"type": "string", "location": "query"}, "key": {"type": "string", "location": "query"}},
    "schemas": {
        "Kettle": {
            "id": "Kettle",
            "type": "object",
            "properties": {
                "name": {"type": "string", "description": "Required. The `name`."},
                "litres": {"type": "number", "format": "double"},
                "uid": {"type": "string", "readOnly": True},
                "parts": {"type": "array", "items": {"$ref": "Kettle"}},
                "heatedAt": {"type": "string", "format": "google-datetime"},
            },
        },
        "Unused": {"id": "Unused", "type": "object"},
    },
    "resources": {
        "kettles": {
            "methods": {
                "create": {
                    "httpMethod": "POST",
                    "path": "v2/{+parent}/kettles",
                    "description": "Creates a kettle.",
                    "parameterOrder": ["parent"],
                    "parameters": {
                        "size": {"type": "integer", "location": "query", "default": "5", "minimum": "1"},
                        "parent": {
                            "type": "string",
                            "location": "path",
                            "required": True,
                            "pattern": "^kitchens/[^/]+$",
                        },
                        "tags": {"type": "string", "location": "query", "repeated": True},
                        "key": {"type": "string", "location": "query"},
                    },
                    "request": {"$ref": "Kettle"},
                    "response": {"$ref": "Kettle"},
                }
            },
            "resources": {
                "lids": {"methods": {"delete": {"httpMethod": "DELETE", "path": "v2/{+name}", "parameters": {}}}}
            },
        }
    },
}

AWS_SERVICE: dict[str, Any] = {
    "version": "2.0",
    "metadata": {
        "serviceId": "Spoons",
        "serviceFullName": "Amazon Spoon Storage",
        "protocol": "rest-json",
        "signatureVersion": "v4",
        "signingName": "spoonsv2",
        "endpointPrefix": "spoons",
    },
    "documentation": "<p>Stores spoons.</p>",
    "operations": {
        "PutSpoon": {
            "name": "PutSpoon",
            "http": {"method": "PUT", "requestUri": "/spoons/{Name+}"},
            "input": {"shape": "PutSpoonRequest"},
            "output": {"shape": "Spoon"},
            "documentation": "<note><p>Beta.</p></note> <p>Stores a <code>spoon</code>.</p>",
        },
        "ListSpoons": {
            "name": "ListSpoons",
            "http": {"method": "POST", "requestUri": "/"},
            "documentation": "<p>L.</p>",
        },
        "TerminateSpoon": {"name": "TerminateSpoon", "http": {"method": "POST", "requestUri": "/"}},
    },
    "shapes": {
        "PutSpoonRequest": {
            "type": "structure",
            "required": ["Name", "Token", "Ghost"],
            "members": {
                "Name": {"shape": "SpoonName", "location": "uri", "documentation": "<p>Its name.</p>"},
                "Token": {"shape": "String", "idempotencyToken": True},
                "Material": {"shape": "Material"},
                "Nested": {"shape": "Spoon"},
                "When": {"shape": "Time"},
                "Labels": {"shape": "Labels"},
                "Lost": {"shape": "NoSuchShape"},
            },
        },
        "Spoon": {
            "type": "structure",
            "members": {"Name": {"shape": "SpoonName"}, "Set": {"shape": "SpoonList"}, "Any": {"shape": "Choice"}},
        },
        "SpoonList": {"type": "list", "member": {"shape": "Spoon"}, "max": 9},
        "Labels": {"type": "map", "key": {"shape": "String"}, "value": {"shape": "String"}, "min": 1},
        "Choice": {"type": "structure", "union": True, "members": {"A": {"shape": "String"}, "B": {"shape": "Long"}}},
        "SpoonName": {"type": "string", "min": 1, "max": 5, "pattern": "\\S{1,9000}"},
        "Material": {"type": "string", "enum": ["wood", "steel"]},
        "String": {"type": "string"},
        "Long": {"type": "long", "max": 9},
        "Time": {"type": "timestamp"},
        "SpoonGone": {"type": "structure", "exception": True, "members": {}},
    },
}

SWAGGER: dict[str, Any] = {
    "swagger": "2.0",
    "info": {"title": "Jam", "version": "1"},
    "host": "jam.test",
    "basePath": "/v2",
    "schemes": ["http", "https"],
    "definitions": {"Jar": {"type": "object", "properties": {"fruit": {"type": "string"}}, "required": ["fruit"]}},
    "paths": {
        "/jars": {
            "post": {
                "operationId": "jars.add",
                "parameters": [{"name": "body", "in": "body", "schema": {"$ref": "#/definitions/Jar"}}],
                "responses": {"200": {"schema": {"$ref": "#/definitions/Jar"}}},
            }
        },
        "/labels": {
            "post": {
                "operationId": "labels.upload",
                "parameters": [
                    {"name": "picture", "in": "formData", "type": "file", "required": True},
                    {"name": "size", "in": "query", "type": "integer", "minimum": 1},
                ],
            }
        },
    },
}

ALL: dict[str, dict[str, Any]] = {
    "openapi": OPENAPI,
    "discovery": DISCOVERY,
    "aws": AWS_SERVICE,
    "swagger": SWAGGER,
}


def sample(name: str) -> dict[str, Any]:
    """A copy of a sample that may be changed."""
    return copy.deepcopy(ALL[name])


def save(folder: Path, name: str, document: Any) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(document if isinstance(document, bytes) else orjson.dumps(document))
    return path


def load(folder: Path, document: Any, name: str = "document.json") -> tuple[Toolset, list[LeftOut]]:
    """Import one document, which must give a toolset."""
    toolsets: list[Toolset] = []
    left_out: list[LeftOut] = []
    for item in import_sources([str(save(folder, name, document))]):
        if isinstance(item, Toolset):
            toolsets.append(item)
        else:
            left_out.append(item)
    (toolset,) = toolsets
    return toolset, left_out
