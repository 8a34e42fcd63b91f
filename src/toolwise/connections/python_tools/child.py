"""The child process: `python -m toolwise.connections.python_tools.child READ_FD WRITE_FD MEMORY FILE_BYTES MODULE`.

One JSON request a line comes in on one pipe, one JSON reply a line goes out on another, so that whatever the user's
code prints cannot be mistaken for a reply: standard output and error are ordinary pipes that the parent drains.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

from toolwise.connections.python_tools.functions import (
    BadArgumentsError,
    LeftOutError,
    PythonFunction,
    UnwritableResultError,
    describe,
    public_functions,
    read_function,
)
from toolwise.connections.python_tools.loading import limit_process, load_module

STATE_HOOK = "__toolwise_state__"
_MESSAGE = 1_000


class Server:
    """Answers the parent's requests about one module."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module
        self._functions: dict[str, PythonFunction] = {}
        self._left_out: list[tuple[str, str]] = []
        for name, function in public_functions(module):
            try:
                self._functions[name] = read_function(name, function)
            except LeftOutError as error:
                self._left_out.append((name, str(error)))

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Raises whatever the user's code raises."""
        operation = request.get("do")
        if operation == "describe":
            told = describe(list(self._functions.values()))
            return {**told, "left_out": self._left_out, "doc": self._module.__doc__ or ""}
        if operation == "state":
            hook = getattr(self._module, STATE_HOOK, None)
            return {"has_state": True, "result": hook()} if callable(hook) else {"has_state": False}
        if operation == "call":
            function = self._functions.get(request["function"])
            if function is None:
                raise LookupError(f"the module has no function {request['function']!r}")
            return {"result": function.run(request["arguments"])}
        return {}


def failure(error: BaseException) -> dict[str, Any]:
    """What the parent needs to know of an exception: its type's name and those of its ancestors."""
    if isinstance(error, BadArgumentsError):
        return {"error": {"types": ["BadArgumentsError"], "message": str(error)[:_MESSAGE], "field": error.field}}
    if isinstance(error, UnwritableResultError):
        return {"malformed": str(error)[:_MESSAGE]}
    types = [kind.__name__ for kind in type(error).__mro__ if kind not in (object, BaseException)]
    try:
        message = str(error)[:_MESSAGE]
    except Exception:  # an exception whose own text cannot be made
        message = ""
    if isinstance(error, KeyError) and len(error.args) == 1:
        message = str(error.args[0])[:_MESSAGE]
    return {"error": {"types": types, "message": message}}


def _attempt(perform: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return perform()
    except BaseException as error:  # `sys.exit` and an interrupt in a tool are the tool's failures too
        return failure(error)


def _encoded(reply: dict[str, Any], limit: int) -> bytes:
    try:
        line = json.dumps(reply, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError, MemoryError, UnicodeEncodeError) as error:
        line = json.dumps({"malformed": f"{type(error).__name__}: {error}"[:_MESSAGE]}).encode("utf-8", "replace")
    if len(line) > limit:
        line = json.dumps({"malformed": f"the result has {len(line):,} bytes; at most {limit:,} are taken"}).encode()
    return line + b"\n"


def _end_with_parent(parent: int) -> None:
    """A looping tool whose parent was killed would run for ever: nobody is left to end it."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main(arguments: list[str]) -> None:
    """Serve until the parent closes its end."""
    incoming, outgoing, memory, file_bytes = (int(text) for text in arguments[:4])
    me = os.getpid()
    limit_process(memory, file_bytes)
    _end_with_parent(os.getppid())
    with os.fdopen(incoming, "rb") as requests:
        server: list[Server] = []

        def load() -> dict[str, Any]:
            server.append(Server(load_module(arguments[4])))
            return {"ready": True}

        _send(outgoing, _encoded(_attempt(load), 1 << 20), me)
        if not server:
            return
        for line in requests:
            request = json.loads(line)
            reply = _attempt(lambda request=request: server[0].answer(request))  # type: ignore[misc]
            _send(outgoing, _encoded(reply, int(request.get("limit", 1 << 20))), me)


def _send(outgoing: int, line: bytes, me: int) -> None:
    if os.getpid() != me:
        os._exit(0)  # a tool forked, and this is the copy: only the first process answers
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:  # noqa: S112 - the tool closed it, which is no business of ours
            continue
    while line:
        line = line[os.write(outgoing, line) :]


if __name__ == "__main__":
    main(sys.argv[1:])
