"""Configuration: one frozen model a stage, unknown keys refused with the nearest known one."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from toolwise.errors import ConfigError
from toolwise.types import Frozen

ConfigT = TypeVar("ConfigT", bound="Config")


class Config(Frozen):
    """The base of every stage's configuration: frozen, serialisable, closed."""


def parse_config(kind: type[ConfigT], values: Mapping[str, Any], where: str) -> ConfigT:
    """Build a configuration. Raises ConfigError naming the first bad key and, if near, the one meant."""
    try:
        return kind.model_validate(dict(values))
    except ValidationError as error:
        raise ConfigError(_explain(kind, error, where)) from error


def _explain(kind: type[Config], error: ValidationError, where: str) -> str:
    problem = error.errors()[0]
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] != "extra_forbidden":
        message = problem["msg"].removeprefix("Value error, ")
        return f"{where}: {key}: {message}" if key else f"{where}: {message}"
    known = _known_keys(kind, problem["loc"][:-1])
    near = difflib.get_close_matches(str(problem["loc"][-1]), known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(sorted(known))}"
    return f"{where}: unknown key {key!r}; {hint}"


def _known_keys(kind: type[Config], path: tuple[int | str, ...]) -> list[str]:
    for part in path:
        field = kind.model_fields.get(str(part))
        if field is None or not isinstance(field.annotation, type) or not issubclass(field.annotation, Config):
            return []
        kind = field.annotation
    return list(kind.model_fields)
