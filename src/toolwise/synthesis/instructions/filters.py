"""What makes a written instruction unusable; each dropped one has exactly one reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

from toolwise.errors import CatalogError
from toolwise.schemas import Validator
from toolwise.synthesis.instructions.config import InstructionsConfig
from toolwise.synthesis.instructions.language import is_language
from toolwise.synthesis.instructions.mentions import mentions_tool
from toolwise.synthesis.instructions.written import Written, WrittenCall
from toolwise.synthesis.wording.rules import states_value
from toolwise.types import Tool


class InstructionFault(StrEnum):
    """Why an instruction is dropped; the first that applies, in this order."""

    NOT_WRITTEN = "not_written"
    """The model wrote fewer instructions than it was asked for."""
    EMPTY = "empty"
    """It says nothing, or only white space."""
    TOO_LONG = "too_long"
    """More characters than the configuration allows."""
    UNRELATED_TOOL = "unrelated_tool"
    """It names no tool, or one that was not among the sampled ones."""
    NAMES_TOOL = "names_tool"
    """A tool's name stands in the text, in whatever spelling."""
    LANGUAGE = "language"
    """It is not in the wanted language."""
    MISSING_VALUE = "missing_value"
    """A required value is not given, or a given one is not in the text."""
    INVALID_VALUE = "invalid_value"
    """A given value is of no parameter, or breaks its schema."""
    DUPLICATE = "duplicate"
    """A near-duplicate of an earlier one, of the same call or another."""
    LEAK = "leak"
    """It also occurs in the training part of the split."""


class InstructionFilter:
    """Checks instructions one at a time; schemas are compiled once. Duplicates and leaks are for who sees them all."""

    def __init__(self, config: InstructionsConfig) -> None:
        self._config = config
        self._validators: dict[tuple[str, tuple[str, ...]], Validator | None] = {}

    def fault(self, written: Written, tools: Mapping[str, Tool]) -> InstructionFault | None:
        """The first reason to drop it; `tools` are the sampled ones by id."""
        text = written.instruction
        if not text.strip():
            return InstructionFault.EMPTY
        if len(text) > self._config.longest:
            return InstructionFault.TOO_LONG
        if not written.calls or any(call.tool not in tools for call in written.calls):
            return InstructionFault.UNRELATED_TOOL
        if mentions_tool(text, tuple(tools.values())):
            return InstructionFault.NAMES_TOOL
        if not is_language(text, self._config.language):
            return InstructionFault.LANGUAGE
        return self._values(text, written.calls, tools)

    def _values(self, text: str, calls: Sequence[WrittenCall], tools: Mapping[str, Tool]) -> InstructionFault | None:
        for index, call in enumerate(calls):
            tool = tools[call.tool]
            later = call.from_results if index else ()  # the first call has nothing to take a value from
            if not set(tool.required) <= {*call.arguments, *later}:
                return InstructionFault.MISSING_VALUE
            if not all(states_value(text, (name,), value) for name, value in call.arguments.items()):
                return InstructionFault.MISSING_VALUE
            if not {*call.arguments, *later} <= set(tool.properties) or not self._valid(tool, call, later):
                return InstructionFault.INVALID_VALUE
        return None

    def _valid(self, tool: Tool, call: WrittenCall, later: Sequence[str]) -> bool:
        key = (tool.id, tuple(sorted(later)))
        if key not in self._validators:
            needed = [name for name in tool.required if name not in later]
            try:
                self._validators[key] = Validator({**tool.parameters, "required": needed}, tool.definitions)
            except CatalogError:  # an invalid document refuses nothing
                self._validators[key] = None
        validator = self._validators[key]
        return validator is None or validator.is_valid(call.arguments)
