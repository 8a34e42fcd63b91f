"""Bytes to JSON values: bounded reading, JSON, YAML and gzip, and telling the formats apart."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import orjson

from toolwise.catalog.left_out import LeftOutReason

MAX_BYTES = 128 * 1024 * 1024
"""A larger document, before or after decompression, is left out."""
MAX_YAML_BYTES = 64 * 1024 * 1024
"""The same for YAML, whose parser is some forty times slower."""


class SourceFormat(StrEnum):
    """The formats of tool documents."""

    AUTO = "auto"
    """Told by each document's content."""
    OPENAPI = "openapi"
    """OpenAPI 3.0 or 3.1, JSON or YAML."""
    SWAGGER = "swagger"
    """Swagger (OpenAPI) 2.0, JSON or YAML."""
    GOOGLE_DISCOVERY = "google_discovery"
    """A Google API discovery document."""
    AWS_SERVICE = "aws_service"
    """An AWS service model, as botocore ships them."""


class DocumentError(Exception):
    """A document cannot be used; carries the reason under which it is left out."""

    def __init__(self, reason: LeftOutReason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = " ".join(detail.split())[:300]


def decompress(data: bytes) -> bytes:
    """The content of a gzip file, refusing what grows beyond MAX_BYTES."""
    inflater = zlib.decompressobj(wbits=31)
    try:
        content = inflater.decompress(data, MAX_BYTES + 1)
    except zlib.error as error:
        raise DocumentError(LeftOutReason.UNREADABLE, f"not a gzip file: {error}") from error
    if len(content) > MAX_BYTES:
        raise DocumentError(LeftOutReason.TOO_LARGE, f"decompresses to more than {MAX_BYTES >> 20} MiB")
    if not inflater.eof:
        raise DocumentError(LeftOutReason.MALFORMED, "the gzip file is truncated")
    return content


def parse(data: bytes, name: str) -> dict[str, Any]:
    """A document's top-level object. Raises DocumentError."""
    if name.endswith(".gz"):
        data = decompress(data)
        name = name.removesuffix(".gz")
    if len(data) > MAX_BYTES:
        raise DocumentError(LeftOutReason.TOO_LARGE, f"larger than {MAX_BYTES >> 20} MiB")
    data = data.removeprefix(b"\xef\xbb\xbf")
    if not data.strip():
        raise DocumentError(LeftOutReason.MALFORMED, "the file is empty")
    value = _parse_value(data, name)
    if not isinstance(value, dict):
        raise DocumentError(LeftOutReason.UNKNOWN_FORMAT, f"holds a {type(value).__name__}, not an object")
    return value


def _parse_value(data: bytes, name: str) -> Any:
    if not name.endswith((".yaml", ".yml")):
        try:
            return orjson.loads(data)
        except orjson.JSONDecodeError as error:
            if data.lstrip()[:1] in b"{[" or name.endswith(".json"):
                raise DocumentError(LeftOutReason.MALFORMED, f"not valid JSON: {error}") from error
    if len(data) > MAX_YAML_BYTES:
        raise DocumentError(LeftOutReason.TOO_LARGE, f"YAML larger than {MAX_YAML_BYTES >> 20} MiB; convert it to JSON")
    from toolwise.catalog.yaml_reader import read_yaml

    return read_yaml(data)


def detect(document: Mapping[str, Any]) -> SourceFormat:
    """The format of a document. Raises DocumentError for anything unknown."""
    openapi = document.get("openapi")
    if isinstance(openapi, (str, float)) and str(openapi).startswith("3."):
        return SourceFormat.OPENAPI
    if str(document.get("swagger", "")).startswith("2"):
        return SourceFormat.SWAGGER
    if document.get("discoveryVersion") or document.get("kind") == "discovery#restDescription":
        return SourceFormat.GOOGLE_DISCOVERY
    if isinstance(document.get("operations"), dict) and isinstance(document.get("metadata"), dict):
        return SourceFormat.AWS_SERVICE
    raise DocumentError(LeftOutReason.UNKNOWN_FORMAT, _what_else(document))


def _what_else(document: Mapping[str, Any]) -> str:
    if "openapi" in document:
        return f"OpenAPI version {str(document['openapi'])[:20]!r}; 3.0 and 3.1 are supported"
    if "swagger" in document:
        return f"Swagger version {str(document['swagger'])[:20]!r}; 2.0 is the only one supported"
    keys = ", ".join(str(key)[:20] for key in list(document)[:4])
    return f"not OpenAPI, Swagger 2.0, Google discovery or an AWS service model (its keys: {keys or 'none'})"
