"""How commands end: one JSON document or a readable summary on standard output, one line for an error."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import typer

from toolwise.errors import ToolwiseError
from toolwise.types import Json


def emit(document: Json, as_json: bool, render: Callable[[Any], str]) -> None:
    """Print the command's result."""
    if as_json:
        options = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS
        typer.echo(orjson.dumps(document, option=options).decode())
    else:
        typer.echo(render(document))


@contextmanager
def one_line_errors() -> Iterator[None]:
    """A user's mistake or our failure as one line on standard error, with the exit code that it deserves.

    `TOOLWISE_DEBUG=1` shows tracebacks instead.
    """
    if os.environ.get("TOOLWISE_DEBUG"):
        yield
        return
    try:
        yield
    except ToolwiseError as error:
        fail(str(error), error.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        fail("interrupted; run again with --resume to go on", 130)
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        fail(f"{error.strerror or error}{where}; check the path, the permissions and the free space", 2)
    except Exception as error:
        fail(f"internal error: {type(error).__name__}: {error}; set TOOLWISE_DEBUG=1 for the traceback", 1)


def fail(message: str, code: int) -> None:
    """Leave with one line on standard error."""
    typer.echo("toolwise: " + " ".join(message.split()), err=True)
    raise SystemExit(code) from None
