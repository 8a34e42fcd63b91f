"""Reading HTTP/1.1 responses (RFC 9112) as their bytes come: one response at a time, bounded, nothing guessed."""

from __future__ import annotations

from toolwise.llm.transport import HttpAnswer

MAX_HEAD = 64 * 1024
MAX_BODY = 256 * 1024 * 1024
_NO_BODY = (204, 304)


class ResponseReader:
    """Takes bytes until a response is whole."""

    def __init__(self) -> None:
        self.begun = False
        """Has anything come?"""
        self.keeps_open = True
        """May the connection be used again after this response?"""
        self._buffer = bytearray()
        self._status = 0
        self._headers: dict[str, str] = {}
        self._length: int | None = None
        self._chunked = False
        self._chunks: list[bytes] | None = None
        self._size = 0

    def feed(self, data: bytes) -> HttpAnswer | None:
        """The response once it is whole. Raises ValueError for what is no HTTP."""
        self.begun = True
        self._buffer += data
        while not self._status:
            if not self._read_head():
                return None
        if self._chunked:
            return self._read_chunks()
        if self._length is None:
            if len(self._buffer) > MAX_BODY:
                raise ValueError("the body is too long")
            return None  # the body ends with the connection
        if len(self._buffer) < self._length:
            return None
        if len(self._buffer) > self._length:
            self.keeps_open = False  # it says more than it was asked for
        return self._answer(bytes(self._buffer[: self._length]))

    def end(self) -> HttpAnswer | None:
        """The response, where the end of the connection is its end."""
        if self._status and not self._chunked and self._length is None:
            return self._answer(bytes(self._buffer))
        return None

    def _answer(self, body: bytes) -> HttpAnswer:
        return HttpAnswer(self._status, body, self._headers)

    def _read_head(self) -> bool:
        """Read a head, if it is whole; an interim one (1xx) is left behind."""
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > MAX_HEAD:
                raise ValueError("the head is too long")
            return False
        first, *lines = bytes(self._buffer[:end]).decode("latin-1").split("\r\n")
        del self._buffer[: end + 4]
        version, _, rest = first.partition(" ")
        code = rest[:3]
        if version not in ("HTTP/1.1", "HTTP/1.0") or not (len(code) == 3 and code.isascii() and code.isdigit()):
            raise ValueError(f"{first[:40]!r} is no HTTP/1.1 response")
        if code[0] == "1":
            return True
        self._status = int(code)
        for line in lines:
            name, colon, value = line.partition(":")
            if not colon or name != name.strip():
                raise ValueError(f"{line[:40]!r} is no header")
            self._headers[name.lower()] = value.strip()
        self._frame(version)
        return True

    def _frame(self, version: str) -> None:
        """Where the body ends (RFC 9112, section 6.3)."""
        headers = self._headers
        connection = headers.get("connection", "").lower()
        self.keeps_open = "close" not in connection and (version == "HTTP/1.1" or "keep-alive" in connection)
        coding = headers.get("transfer-encoding", "").lower()
        if self._status in _NO_BODY:
            self._length = 0
        elif coding == "chunked":
            self._chunked, self._chunks = True, []
        elif coding:
            raise ValueError(f"the transfer coding {coding[:40]!r} was not asked for")
        elif (length := headers.get("content-length")) is not None:
            if not (length.isascii() and length.isdigit()) or int(length) > MAX_BODY:
                raise ValueError(f"{length[:40]!r} is no length of a body")
            self._length = int(length)
        else:
            self.keeps_open = False

    def _read_chunks(self) -> HttpAnswer | None:
        assert self._chunks is not None  # noqa: S101 # set with `_chunked`
        buffer = self._buffer
        while (end := buffer.find(b"\r\n")) >= 0:
            digits = bytes(buffer[:end]).partition(b";")[0].strip()
            if not digits or len(digits) > 8 or any(digit not in b"0123456789abcdefABCDEF" for digit in digits):
                raise ValueError("a chunk has no size")
            size = int(digits, 16)
            if size == 0:
                return self._last_chunk(end)
            if len(buffer) < end + 2 + size + 2:
                break
            if buffer[end + 2 + size : end + 4 + size] != b"\r\n":
                raise ValueError("a chunk does not end where it should")
            self._chunks.append(bytes(buffer[end + 2 : end + 2 + size]))
            self._size += size
            del buffer[: end + 4 + size]
        if self._size + len(buffer) > MAX_BODY:
            raise ValueError("the body is too long")
        return None

    def _last_chunk(self, end: int) -> HttpAnswer | None:
        """After the last chunk come trailers, which nobody needs, and an empty line."""
        assert self._chunks is not None  # noqa: S101 # as above
        trailers = self._buffer.find(b"\r\n\r\n", end)
        if trailers < 0:
            if len(self._buffer) > MAX_HEAD:
                raise ValueError("the trailers are too long")
            return None
        if len(self._buffer) > trailers + 4:
            self.keeps_open = False
        return self._answer(b"".join(self._chunks))
