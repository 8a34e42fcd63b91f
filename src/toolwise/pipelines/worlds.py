"""Which world runs the tools: its layers, what they may reach, the faults put in, and the length of answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import Field, model_validator

from toolwise.config import Config, parse_config
from toolwise.errors import ConfigError
from toolwise.llm.endpoint import EndpointConfig
from toolwise.worlds import CompressionConfig, ExecutorConfig, FaultConfig, LayerRule

_WHERE = "the world"
_SUFFIXES = (".yaml", ".yml", ".json")


class WorldKind(StrEnum):
    """Who answers a call."""

    SIMULATED = "simulated"
    """The stateful simulation, from the tools' schemas."""
    HTTP = "http"
    """The web service itself."""
    AWS = "aws"
    """An AWS endpoint, through boto3."""
    MCP = "mcp"
    """The MCP server."""
    PYTHON = "python"
    """The Python function, in a process of its own."""
    LLM = "llm"
    """A chat model that plays the tool."""
    REPLAY = "replay"
    """The record of earlier real calls."""


class WorldConfig(Config):
    """Everything that shapes what a call returns."""

    layers: tuple[WorldKind, ...] = (WorldKind.SIMULATED,)
    """Asked in this order until one has an answer; `replay` can only be the first."""
    record: Path | None = None
    """The file where `replay` looks, and where every real answer is put down."""
    rule: LayerRule = LayerRule()
    allowed_hosts: tuple[str, ...] = ()
    """Private, link-local and loopback hosts that may be called all the same."""
    servers: Mapping[str, str] = Field(default_factory=dict)
    """Toolset -> the address to use in place of its documented server; `aws` for what plays all of AWS."""
    real_aws: bool = False
    """Call AWS itself, with whatever that costs."""
    allow_destructive: bool = False
    """Make calls that destroy, for real."""
    calls_per_second: float = Field(default=5.0, gt=0)
    """To each host of `http`."""
    workspace: Path | None = None
    """The folder of which every session of an MCP server or Python tool gets a fresh copy."""
    endpoint: EndpointConfig | None = None
    """The model that plays the tools, for `llm`."""
    executor: ExecutorConfig = ExecutorConfig()
    faults: FaultConfig = FaultConfig()
    compression: CompressionConfig | None = None
    """None to leave answers as long as they are."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if not self.layers:
            raise ValueError("`layers` is empty; name at least one world")
        if len(set(self.layers)) != len(self.layers):
            raise ValueError("`layers` names a world twice")
        if WorldKind.REPLAY in self.layers[1:]:
            raise ValueError("`replay` must be the first of the layers: it answers before anyone else is asked")
        if WorldKind.REPLAY in self.layers and self.record is None:
            raise ValueError("`replay` needs `record`, the file of recorded calls")
        if WorldKind.LLM in self.layers and self.endpoint is None:
            raise ValueError("`llm` needs `endpoint`, with the base_url and the model that plays the tools")
        return self

    @property
    def repeatable(self) -> bool:
        """Does the same call in a fresh session get the same answer, today and tomorrow?"""
        return set(self.layers) <= {WorldKind.SIMULATED, WorldKind.REPLAY}


def settings_of(world: WorldConfig) -> dict[str, Any]:
    """What a run folder's settings say of the world; nothing for the simulation as it is."""
    return {} if world == WorldConfig() else {"world": world.model_dump(mode="json")}


def world_config(
    world: str = WorldKind.SIMULATED.value,
    *,
    record: Path | None = None,
    allow_hosts: Sequence[str] = (),
    servers: Sequence[str] = (),
    allow_destructive: bool = False,
) -> WorldConfig:
    """A configuration from the flags of a command. Raises ConfigError.

    `world` is a kind, several in order with commas between them, or a YAML file; flags add to what the file says.
    `servers` are `TOOLSET=URL`.
    """
    values: dict[str, Any] = _from_file(Path(world)) if world.endswith(_SUFFIXES) else {"layers": _layers(world)}
    if record is not None:
        values["record"] = record
    if allow_hosts:
        values["allowed_hosts"] = [*values.get("allowed_hosts", ()), *allow_hosts]
    if servers:
        values["servers"] = {**values.get("servers", {}), **dict(map(_override, servers))}
    if allow_destructive:
        values["allow_destructive"] = True
    for name in ("record", "workspace"):
        if isinstance(values.get(name), str | Path):
            values[name] = Path(values[name]).resolve()  # later steps may start elsewhere
    return parse_config(WorldConfig, values, world if world.endswith(_SUFFIXES) else _WHERE)


def _layers(text: str) -> list[WorldKind]:
    try:
        return [WorldKind(name.strip()) for name in text.split(",")]
    except ValueError as error:
        kinds = ", ".join(WorldKind)
        raise ConfigError(
            f"unknown world {text!r}; give one of {kinds}, several with commas between them, or a YAML file"
        ) from error


def _override(text: str) -> tuple[str, str]:
    toolset, equals, url = text.partition("=")
    if not toolset or not equals or not url.startswith(("http://", "https://")):
        raise ConfigError(f"--server {text!r}: give TOOLSET=URL, for example shop=http://127.0.0.1:8000")
    return toolset, url


def _from_file(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}; give a file with a world's settings") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not YAML ({str(error).splitlines()[0]}); see docs/worlds.md") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path} must hold keys and values; see docs/worlds.md")
    return values
