"""A screen between a server and the SDK's session: one malformed tool of a listing must not cost the others."""

from __future__ import annotations

from contextlib import asynccontextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager

    from mcp.client._transport import TransportStreams

_LISTING = "tools/list"


class _Stream:
    """A stream of the SDK with one method changed; everything else is the stream's own."""

    def __init__(self, inner: Any, asked: set[Any]) -> None:
        self._inner = inner
        self._asked = asked

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def __aenter__(self) -> _Stream:
        await self._inner.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        result: bool | None = await self._inner.__aexit__(kind, error, trace)
        return result


class _Outgoing(_Stream):
    async def send(self, item: Any) -> None:
        message = item.message
        if getattr(message, "method", "") == _LISTING:
            self._asked.add(message.id)
        await self._inner.send(item)


class _Incoming(_Stream):
    def __init__(self, inner: Any, asked: set[Any], dropped: list[tuple[str, str]]) -> None:
        super().__init__(inner, asked)
        self._dropped = dropped

    async def receive(self) -> Any:
        return self._screened(await self._inner.receive())

    def __aiter__(self) -> _Incoming:
        return self

    async def __anext__(self) -> Any:
        return self._screened(await self._inner.__anext__())

    def _screened(self, item: Any) -> Any:
        message = getattr(item, "message", None)
        result = getattr(message, "result", None)
        if message is not None and isinstance(result, dict) and message.id in self._asked:
            self._asked.discard(message.id)
            if isinstance(tools := result.get("tools"), list):
                result["tools"] = [tool for tool in tools if self._sound(tool)]
        return item

    def _sound(self, tool: Any) -> bool:
        from mcp_types import Tool

        try:
            Tool.model_validate(tool, by_name=False)
        except ValidationError as error:
            problem = error.errors()[0]
            field = ".".join(str(part) for part in problem["loc"])
            name = tool.get("name") if isinstance(tool, dict) else None
            self._dropped.append((str(name)[:80] if name else "a tool", f"{field}: {problem['msg']}"))
            return False
        return True


@asynccontextmanager
async def screened(
    transport: AbstractAsyncContextManager[TransportStreams], dropped: list[tuple[str, str]]
) -> AsyncIterator[TransportStreams]:
    """The transport, with malformed tools taken out of listings and noted in `dropped` as (name, what is wrong)."""
    asked: set[Any] = set()
    async with transport as (incoming, outgoing):
        yield _Incoming(incoming, asked, dropped), _Outgoing(outgoing, asked)  # type: ignore[misc]
