"""YAML to JSON values, built from parser events so that neither nesting nor aliases can hurt.

PyYAML's loaders recurse once per level (the C one overflows the stack) and read YAML 1.1, where `NO` is false and
`2020-01-01` a date. OpenAPI asks for YAML 1.2's JSON-like schema, which is what this reads.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from toolwise.catalog.documents import DocumentError
from toolwise.catalog.left_out import LeftOutReason

MAX_DEPTH = 1000
"""As deep as the JSON parser goes."""

MAX_EXPANSION = 1_000_000
"""Values that aliases may add to a document, beyond ten times what is written."""

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INTEGER = re.compile(r"[-+]?[0-9]+\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+\Z")
_WORDS: dict[str, Any] = {
    "": None,
    "~": None,
    **dict.fromkeys(("null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_STRING_TAG = "tag:yaml.org,2002:str"


def _scalar(event: Any) -> Any:
    text: str = event.value
    if not event.implicit[0] or event.tag == _STRING_TAG:  # quoted, or tagged
        return text
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "-+.0123456789" or len(text) > 40:
        return text
    if _INTEGER.match(text):
        return int(text)
    if _FLOAT.match(text):
        return float(text)
    return int(text, 16) if _HEXADECIMAL.match(text) else text


def _key(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    raise DocumentError(LeftOutReason.MALFORMED, "YAML with a mapping or a list as a key")


class _Builder:
    """Puts values into the open containers, innermost last."""

    def __init__(self) -> None:
        self.root: Any = None
        self.anchors: dict[str, tuple[Any, int]] = {}
        self._written = self._expanded = 0
        self._open: list[tuple[Any, str | None]] = []
        self._keys: list[str | None] = []
        self._starts: list[int] = []

    def taken(self) -> Any:
        """The document that has ended; the next one begins without its anchors, and with what it left of the limits."""
        made, self.root, self.anchors = self.root, None, {}
        return made

    def scalar(self, value: Any, anchor: str | None) -> None:
        self._written += 1
        self._expanded += 1
        self.put(value)
        if anchor:
            self.anchors[anchor] = (value, 1)

    def put(self, value: Any) -> None:
        if not self._open:
            self.root = value
            return
        container = self._open[-1][0]
        if isinstance(container, list):
            container.append(value)
            return
        key = self._keys[-1]
        if key is None:
            self._keys[-1] = _key(value)
            return
        self._keys[-1] = None
        if key == "<<":
            _merge(container, value)
        else:
            container[key] = value

    def start(self, container: Any, anchor: str | None) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise DocumentError(LeftOutReason.MALFORMED, f"YAML nested deeper than {MAX_DEPTH} levels")
        self._written += 1
        self._expanded += 1
        self._starts.append(self._expanded)
        self._open.append((container, anchor))
        self._keys.append(None)

    def end(self) -> None:
        container, anchor = self._open.pop()
        self._keys.pop()
        size = self._expanded - self._starts.pop() + 1
        self.put(container)
        if anchor:
            self.anchors[anchor] = (container, size)

    def alias(self, anchor: str) -> None:
        if anchor not in self.anchors:  # unknown, or still open: a value that would contain itself
            raise DocumentError(LeftOutReason.MALFORMED, f"YAML alias *{anchor[:40]} has no complete anchor")
        value, size = self.anchors[anchor]
        self._expanded += size
        if self._expanded > 10 * self._written + MAX_EXPANSION:
            raise DocumentError(LeftOutReason.TOO_LARGE, "its YAML aliases expand to millions of values")
        self.put(value)


def _merge(container: dict[str, Any], value: Any) -> None:
    for source in value if isinstance(value, list) else [value]:
        if isinstance(source, dict):
            for key, merged in source.items():
                container.setdefault(key, merged)


def read_yaml(data: bytes) -> Any:
    """A YAML stream's document; of several, all that are not empty as a list. Aliased values are shared, not copied.

    Raises DocumentError; where only a later document is broken, what is wrong with it stands in the list in its place.
    """
    builder = _Builder()
    found: list[Any] = []
    try:
        event: Any
        for event in yaml.parse(data, Loader=_Loader):
            kind = type(event)
            if kind is yaml.ScalarEvent:
                builder.scalar(_scalar(event), event.anchor)
            elif kind is yaml.MappingStartEvent:
                builder.start({}, event.anchor)
            elif kind is yaml.SequenceStartEvent:
                builder.start([], event.anchor)
            elif kind in (yaml.MappingEndEvent, yaml.SequenceEndEvent):
                builder.end()
            elif kind is yaml.AliasEvent:
                builder.alias(event.anchor)
            elif kind is yaml.DocumentEndEvent:
                found.append(builder.taken())
    except (yaml.YAMLError, UnicodeError, ValueError) as error:
        if not found:
            raise DocumentError(LeftOutReason.MALFORMED, f"not valid YAML: {error}") from error
        found.append(f"not valid YAML: {error}")
    some = [value for value in found if value not in (None, "")]
    return some if len(some) > 1 else next(iter(some or found), None)
