"""One error tree. Foreign exceptions become ours once, at a boundary."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class ToolwiseError(Exception):
    """Anything that Toolwise reports. The message is one line: what is wrong, and what to do."""

    exit_code = 1


class UserError(ToolwiseError):
    """The user can mend this: bad input, bad configuration, a missing extra."""

    exit_code = 2


class CatalogError(UserError):
    """A tool document or a saved catalog cannot be read."""


class ConfigError(UserError):
    """A configuration holds an unknown key or a value out of range."""


class RunError(UserError):
    """A run folder cannot be opened, resumed or written."""


class MissingExtraError(UserError):
    """A feature needs an optional dependency that is not installed."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"{feature} needs the [{extra}] extra; install it with: pip install 'toolwise[{extra}]'")


class DataError(UserError):
    """A data file (tasks, trajectories, corpus) is malformed."""


class ModelError(ToolwiseError):
    """A chat model failed to answer."""


class WorldError(ToolwiseError):
    """A world broke; a tool that merely answers with an error is an Observation instead."""


@contextmanager
def boundary(kind: type[ToolwiseError], doing: str) -> Iterator[None]:
    """Turn any foreign exception into `kind`, once, saying what was being done.

    Errors of ours pass through untouched, so the innermost attribution wins.
    """
    try:
        yield
    except ToolwiseError:
        raise
    except Exception as error:
        cause = " ".join(str(error).split()) or "no further detail"
        raise kind(f"{doing}: {type(error).__name__}: {cause}") from error
