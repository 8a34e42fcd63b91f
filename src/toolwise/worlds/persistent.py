"""An immutable map: every change gives a new map that shares structure with the old one.

A hash array mapped trie (Bagwell, *Ideal Hash Trees*, 2001) whose nodes are small dicts. A change copies one
node a level, at most 32 entries each, so keeping an old version costs nothing and a new one O(log n).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Generic, TypeVar
from zlib import crc32

Value = TypeVar("Value")
_BITS = 5
_MASK = (1 << _BITS) - 1
_HASH_BITS = 32

_Node = dict[Any, Any]
"""Slot -> (key, value) pair or a deeper node; beyond the hash's last bit, key -> (key, value)."""


class PersistentMap(Generic[Value]):
    """String keys to values; `set` and `without` return new maps. Iteration order is unspecified but repeatable."""

    __slots__ = ("_count", "_root")

    def __init__(self, _root: _Node | None = None, _count: int = 0) -> None:
        self._root: _Node = {} if _root is None else _root
        self._count = _count

    def __len__(self) -> int:
        return self._count

    def __contains__(self, key: str) -> bool:
        return self._find(key) is not None

    def get(self, key: str, default: Value | None = None) -> Value | None:
        """The value of a key, or the default."""
        found = self._find(key)
        return default if found is None else found[1]

    def _find(self, key: str) -> tuple[str, Value] | None:
        node, code, shift = self._root, crc32(key.encode()), 0
        while True:
            found = node.get((code >> shift) & _MASK if shift < _HASH_BITS else key)
            if found is None or type(found) is tuple:
                return found if found is not None and found[0] == key else None
            node, shift = found, shift + _BITS

    def set(self, key: str, value: Value) -> PersistentMap[Value]:
        """This map with one value set."""
        added = self._find(key) is None
        return PersistentMap(_set(self._root, 0, crc32(key.encode()), key, value), self._count + added)

    def without(self, key: str) -> PersistentMap[Value]:
        """This map with no such key."""
        if self._find(key) is None:
            return self
        return PersistentMap(_without(self._root, 0, crc32(key.encode()), key), self._count - 1)

    def items(self) -> Iterator[tuple[str, Value]]:
        """All pairs."""
        stack = [self._root]
        while stack:
            for entry in stack.pop().values():
                if type(entry) is tuple:
                    yield entry
                else:
                    stack.append(entry)

    def keys(self) -> Iterator[str]:
        """All keys."""
        return (key for key, _ in self.items())

    def values(self) -> Iterator[Value]:
        """All values."""
        return (value for _, value in self.items())


def _slot(code: int, shift: int, key: str) -> int | str:
    return (code >> shift) & _MASK if shift < _HASH_BITS else key


def _set(node: _Node, shift: int, code: int, key: str, value: Any) -> _Node:
    slot = _slot(code, shift, key)
    entry = node.get(slot)
    changed = dict(node)
    if entry is None or (type(entry) is tuple and entry[0] == key):
        changed[slot] = (key, value)
    elif type(entry) is tuple:
        deeper = {_slot(crc32(entry[0].encode()), shift + _BITS, entry[0]): entry}
        changed[slot] = _set(deeper, shift + _BITS, code, key, value)
    else:
        changed[slot] = _set(entry, shift + _BITS, code, key, value)
    return changed


def _without(node: _Node, shift: int, code: int, key: str) -> _Node:
    slot = _slot(code, shift, key)
    changed = dict(node)
    entry = node[slot]
    if type(entry) is tuple:
        del changed[slot]
        return changed
    deeper = _without(entry, shift + _BITS, code, key)
    if deeper:
        changed[slot] = deeper
    else:
        del changed[slot]
    return changed
