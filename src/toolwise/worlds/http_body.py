"""Request bodies: JSON, forms, multipart with files, and text or bytes as they are."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from urllib.parse import unquote_to_bytes, urlencode

import orjson

from toolwise.schemas import merged
from toolwise.types import HttpBinding, Json, ParameterLocation, ParameterStyle, Tool
from toolwise.worlds.http_styles import pairs, scalar

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
_DEFAULT = "application/json"


class UnwritableError(Exception):
    """The arguments cannot be written as the request that the document describes."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def body_of(tool: Tool, binding: HttpBinding, arguments: Mapping[str, Json]) -> tuple[bytes, str | None]:
    """(bytes, Content-Type); no bytes and no type where the call has no body. Raises UnwritableError."""
    media_type = (binding.media_type or _DEFAULT).split(";", 1)[0].strip().lower()
    located = binding.locations
    whole = next((n for n, where in located.items() if where is ParameterLocation.WHOLE_BODY), None)
    if whole is not None:
        return _whole(tool, whole, media_type, arguments) if whole in arguments else (b"", None)
    names = [n for n, where in located.items() if where is ParameterLocation.BODY]
    if not names:
        return b"", None
    given = {name: arguments[name] for name in names if name in arguments}
    if media_type == MULTIPART:
        return _multipart(tool, binding, given)
    if media_type == FORM:
        fields = [
            pair
            for name, value in given.items()
            for pair in pairs(
                binding.wire_names.get(name, name), value, binding.styles.get(name, ParameterStyle.FORM_EXPLODED)
            )
        ]
        return urlencode(fields).encode(), FORM
    if not _is_json(media_type):
        raise UnwritableError("", f"Bodies of the type '{media_type}' cannot be written from fields.")
    if not given and binding.method.upper() in {"GET", "HEAD", "DELETE"}:
        return b"", None
    return _json({binding.wire_names.get(name, name): value for name, value in given.items()}), media_type


def _is_json(media_type: str) -> bool:
    return media_type.endswith(("/json", "+json")) or media_type == "*/*"


def _json(value: Json) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError as error:  # integers beyond 64 bits, broken Unicode
        raise UnwritableError("", f"The body cannot be written as JSON: {error}.") from error


def _whole(tool: Tool, name: str, media_type: str, arguments: Mapping[str, Json]) -> tuple[bytes, str]:
    value = arguments[name]
    if _is_json(media_type):
        return _json(value), _DEFAULT if media_type == "*/*" else media_type
    if isinstance(value, Mapping) and media_type in {FORM, MULTIPART}:
        fields = {str(key): inner for key, inner in value.items()}
        if media_type == FORM:
            return urlencode([p for key, inner in fields.items() for p in pairs(key, inner)]).encode(), FORM
        return _multipart(tool, HttpBinding(method="POST", path="/"), fields)
    if isinstance(value, str | bytes):
        return file_bytes(name, value)[0], media_type
    if isinstance(value, int | float) and media_type.startswith("text/"):
        return scalar(value).encode(), media_type
    raise UnwritableError(name, f"Field '{name}' must be text: it is sent as '{media_type}'.")


def file_bytes(field: str, value: str | bytes) -> tuple[bytes, str | None]:
    """A file's content and media type: bytes, a `data:` URL (RFC 2397), or any other text as UTF-8."""
    if isinstance(value, bytes):
        return value, None
    if not value.startswith("data:") or "," not in value:
        return _utf8(field, value), None
    head, _, content = value.removeprefix("data:").partition(",")
    media_type = head.removesuffix(";base64").split(";", 1)[0] or None
    if media_type is not None and not _plain(media_type):
        raise UnwritableError(field, f"Field '{field}' is no valid data URL.")
    if not head.endswith(";base64"):
        return unquote_to_bytes(content), media_type
    try:
        return base64.b64decode(content, validate=True), media_type
    except binascii.Error as error:
        raise UnwritableError(field, f"Field '{field}' holds invalid base64 data.") from error


def _utf8(field: str, value: str) -> bytes:
    try:
        return value.encode()
    except UnicodeEncodeError as error:
        raise UnwritableError(field, f"Field '{field}' holds text that is not valid Unicode.") from error


def _multipart(tool: Tool, binding: HttpBinding, given: Mapping[str, Json]) -> tuple[bytes, str]:
    """Parts in the arguments' order (RFC 7578); objects are JSON, arrays repeat the part, binary strings are files."""
    parts: list[tuple[str, bytes]] = []
    for name, value in given.items():
        wire = binding.wire_names.get(name, name)
        schema = merged(tool.properties.get(name) or {}, tool.definitions)
        items = merged(schema.get("items") or {}, tool.definitions)
        for element in value if isinstance(value, list | tuple) else [value]:
            is_file = "binary" in {schema.get("format"), items.get("format")} or isinstance(element, bytes)
            parts.append(_part(wire, element, is_file=is_file))
    boundary = "toolwise-" + hashlib.blake2b(b"".join(content for _, content in parts), digest_size=16).hexdigest()
    made = b"".join(f"--{boundary}\r\n{head}\r\n\r\n".encode() + content + b"\r\n" for head, content in parts)
    return made + f"--{boundary}--\r\n".encode(), f"{MULTIPART}; boundary={boundary}"


def _part(wire: str, value: Json, *, is_file: bool) -> tuple[str, bytes]:
    """(headers, content) of one part."""
    quoted = wire.replace("\\", "%5C").replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    head = f'Content-Disposition: form-data; name="{quoted}"'
    if is_file and isinstance(value, str | bytes):
        content, media_type = file_bytes(wire, value)
        return f'{head}; filename="{quoted}"\r\nContent-Type: {media_type or "application/octet-stream"}', content
    if isinstance(value, dict | list):
        return f"{head}\r\nContent-Type: {_DEFAULT}", _json(value)
    return head, _utf8(wire, scalar(value))


def _plain(text: str) -> bool:
    return text.isascii() and text.isprintable() and '"' not in text
