"""Content-Encoding undone piece by piece, so that no response can grow beyond its limit (RFC 9110, section 8.4)."""

from __future__ import annotations

import zlib
from typing import Protocol

_PIECE = 65_536
_MAX_LAYERS = 2
_GZIP = zlib.MAX_WBITS | 16
_RAW_DEFLATE = -zlib.MAX_WBITS


class DecodingError(Exception):
    """The body is not in the encoding that its header names, or in one that was not asked for."""


class TooLargeError(Exception):
    """The body is larger than the limit."""


class Layer(Protocol):
    """One encoding."""

    def decode(self, data: bytes, room: int) -> bytes:
        """What `data` holds. Raises TooLargeError beyond `room` bytes, DecodingError."""
        ...

    def finish(self) -> None:
        """Raises DecodingError if the data ended too early."""
        ...


class _Zlib:
    """gzip (also of several members) and deflate (with and without zlib's header, as servers send both)."""

    def __init__(self, window: int) -> None:
        self._window = window
        self._stream = zlib.decompressobj(window)
        self._begun = False

    def decode(self, data: bytes, room: int) -> bytes:
        made = bytearray()
        while data:
            if self._stream.eof:
                if self._window != _GZIP or not data.strip(b"\0"):
                    return bytes(made)  # what follows the end is padding
                self._stream = zlib.decompressobj(self._window)
            piece = self._inflate(data, min(_PIECE, room - len(made) + 1))
            made += piece
            if len(made) > room:
                raise TooLargeError
            data = self._stream.unused_data if self._stream.eof else self._stream.unconsumed_tail
        return bytes(made)

    def _inflate(self, data: bytes, most: int) -> bytes:
        begun, self._begun = self._begun, True
        try:
            return self._stream.decompress(data, most)
        except zlib.error as error:
            if begun or self._window != zlib.MAX_WBITS:
                raise DecodingError(str(error)) from error
            self._window = _RAW_DEFLATE
            self._stream = zlib.decompressobj(self._window)
            return self._inflate(data, most)

    def finish(self) -> None:
        if self._begun and not self._stream.eof:
            raise DecodingError("the compressed data is incomplete")


ACCEPTED = "gzip, deflate"
"""The Accept-Encoding to send: what can be undone in bounded memory with the standard library."""
_WINDOWS = {"gzip": _GZIP, "x-gzip": _GZIP, "deflate": zlib.MAX_WBITS}


class BoundedBody:
    """Collects a body, undoing its encodings, up to a limit of bytes before and after each."""

    def __init__(self, encoding: str, limit: int) -> None:
        """Raises DecodingError for an encoding that was not asked for, or too many of them."""
        names = [name.strip().lower() for name in encoding.split(",")]
        names = [name for name in names if name not in ("", "identity")]
        if len(names) > _MAX_LAYERS:
            raise DecodingError(f"{len(names)} encodings, one inside the other")
        self._layers: list[Layer] = []
        for name in reversed(names):
            if name not in _WINDOWS:
                raise DecodingError(f"the encoding {name[:20]!r} was not asked for")
            self._layers.append(_Zlib(_WINDOWS[name]))
        self._limit = limit
        self._raw = 0
        self._made = bytearray()

    def add(self, data: bytes) -> None:
        """Take a piece as it came. Raises TooLargeError, DecodingError."""
        self._raw += len(data)
        if self._raw > self._limit:
            raise TooLargeError
        for start in range(0, len(data), _PIECE):
            self._decode(data[start : start + _PIECE])

    def _decode(self, piece: bytes) -> None:
        for layer in self._layers:
            piece = layer.decode(piece, self._limit)
        if len(self._made) + len(piece) > self._limit:
            raise TooLargeError
        self._made += piece

    def finish(self) -> bytes:
        """The whole body. Raises DecodingError if it is incomplete."""
        for layer in self._layers:
            layer.finish()
        return bytes(self._made)
