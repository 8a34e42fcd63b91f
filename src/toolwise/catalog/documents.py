"""Bytes to JSON values: bounded reading of JSON, JSON lines, YAML and gzip, and the formats' names."""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import orjson

from toolwise.catalog.left_out import LeftOutReason

MAX_BYTES = 128 * 1024 * 1024
"""A larger document, before or after decompression, is left out."""
MAX_YAML_BYTES = 64 * 1024 * 1024
"""The same for YAML, whose parser is some forty times slower."""
MAX_LINES = 1_000_000
"""JSON lines with more lines are left out."""
MAX_REPORTED = 1_000
"""Rows of one document that are left out one by one; more are counted in one sentence."""

_LINES = (".jsonl", ".ndjson")
_GZIP = b"\x1f\x8b"


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
    OPENAI = "openai"
    """OpenAI function tools: `{"type": "function", "function": {…}}` or the bare function."""
    ANTHROPIC = "anthropic"
    """Anthropic tools: name, description and `input_schema`."""
    MCP = "mcp"
    """The answer of an MCP server to `tools/list`, saved to a file."""
    TOOLBENCH = "toolbench"
    """RapidAPI tools as ToolBench crawled them, and the `api_list` of its and StableToolBench's instructions."""
    TOOLALPACA = "toolalpaca"
    """ToolAlpaca's standardised toolsets, with an OpenAPI document inside each."""
    PUBLIC_APIS = "public_apis"
    """The public-apis list: names, descriptions and categories of APIs, and no tools."""
    BFCL = "bfcl"
    """Berkeley Function-Calling Leaderboard: rows of a question and its functions."""
    SEAL_TOOLS = "seal_tools"
    """Seal-Tools: one tool a row, with parameters and responses in Python's type names."""


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


@dataclass(frozen=True, slots=True)
class Document:
    """One parsed document: an object, or an array of rows."""

    value: Any
    name: str = ""
    """The file's name without its folder and compression."""
    lines: tuple[int, ...] = ()
    """For JSON lines, the number of the line on which each row stands."""
    bad_lines: tuple[tuple[int, str], ...] = field(default=())
    """Lines that are not JSON: number, what is wrong."""

    def rows(self) -> Iterator[tuple[str, Any]]:
        """Each row with where it is: `line 7` of JSON lines, else `row 7`; an object is its own only row."""
        if not isinstance(self.value, list):
            yield "", self.value
            return
        word, numbers = ("line", self.lines) if self.lines else ("row", range(1, len(self.value) + 1))
        for number, row in zip(numbers, self.value, strict=True):
            yield f"{word} {number}", row


def _as_utf8(data: bytes) -> bytes:
    """Without a byte order mark, which some editors and shells write, and of UTF-16 as UTF-8. Raises DocumentError."""
    if not data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.removeprefix(codecs.BOM_UTF8)
    try:
        return data.decode("utf-16").encode()
    except UnicodeError as error:
        raise DocumentError(LeftOutReason.MALFORMED, f"not valid UTF-16: {error}") from error


def parse(data: bytes, name: str) -> Document:
    """A document's top-level object or array; JSON lines become an array. Raises DocumentError."""
    if name.endswith(".gz") or data.startswith(_GZIP):
        data = decompress(data)
        name = name.removesuffix(".gz")
    if len(data) > MAX_BYTES:
        raise DocumentError(LeftOutReason.TOO_LARGE, f"larger than {MAX_BYTES >> 20} MiB")
    data = _as_utf8(data)
    if not data.strip():
        raise DocumentError(LeftOutReason.MALFORMED, "the file is empty")
    if name.lower().endswith(_LINES):
        return _parse_lines(data, name)
    value = _parse_value(data, name)
    if isinstance(value, Document):
        return value
    if not isinstance(value, dict | list):
        raise DocumentError(LeftOutReason.UNKNOWN_FORMAT, f"holds a {type(value).__name__}, not an object or an array")
    return Document(value, name)


def _parse_lines(data: bytes, name: str) -> Document:
    """JSON lines; a file so called that is one JSON value over several lines is read as that."""
    if not _is_lines(data):
        try:
            whole = orjson.loads(data)
        except orjson.JSONDecodeError:
            whole = None
        if isinstance(whole, dict | list):
            return Document(whole if isinstance(whole, list) else [whole], name)
    rows: list[Any] = []
    numbers: list[int] = []
    bad: list[tuple[int, str]] = []
    if data.count(b"\n") > MAX_LINES:
        raise DocumentError(LeftOutReason.TOO_LARGE, f"more than {MAX_LINES:,} lines")
    for number, line in enumerate(data.split(b"\n"), 1):
        if not (line := line.strip()):
            continue
        try:
            rows.append(orjson.loads(line))
            numbers.append(number)
        except orjson.JSONDecodeError as error:
            bad.append((number, f"not valid JSON: {error}"))
    if not rows:
        raise DocumentError(LeftOutReason.MALFORMED, f"line {bad[0][0]}: {bad[0][1]}")
    return Document(rows, name, tuple(numbers), tuple(bad))


def _is_lines(data: bytes) -> bool:
    """Does the first line hold a whole JSON object, with more after it?"""
    first, _, rest = data.lstrip().partition(b"\n")
    if not first.startswith(b"{") or not rest.strip():
        return False
    try:
        orjson.loads(first)
    except orjson.JSONDecodeError:
        return False
    return True


def _parse_value(data: bytes, name: str) -> Any:
    if not name.lower().endswith((".yaml", ".yml")):
        try:
            return orjson.loads(data)
        except orjson.JSONDecodeError as error:
            if _is_lines(data):
                return _parse_lines(data, name)
            if data.lstrip()[:1] in b"{[" or name.endswith(".json"):
                raise DocumentError(LeftOutReason.MALFORMED, f"not valid JSON: {error}") from error
    if len(data) > MAX_YAML_BYTES:
        raise DocumentError(LeftOutReason.TOO_LARGE, f"YAML larger than {MAX_YAML_BYTES >> 20} MiB; convert it to JSON")
    from toolwise.catalog.yaml_reader import read_yaml

    return read_yaml(data)
