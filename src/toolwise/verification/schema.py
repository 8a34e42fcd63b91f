"""Stage 2, schema: does every call that succeeded name a candidate and fit its schema?"""

from __future__ import annotations

from toolwise.errors import CatalogError
from toolwise.ports import Tools
from toolwise.schemas import Validator
from toolwise.types import Check, RejectReason, ToolCall
from toolwise.verification.attempt import Attempt, passed, rejected

STAGE = "schema"


class SchemaCheck:
    """Checks calls against their tools' schemas; compiles each schema once."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._validators: dict[str, Validator] = {}

    def __call__(self, attempt: Attempt) -> Check:
        """A failed call may break its schema: that is what it failed for, and the policy went on from there."""
        for done in attempt.executed:
            if done.ok and (check := self._check(done.call, attempt)) is not None:
                return check
        return passed(STAGE)

    def _check(self, call: ToolCall, attempt: Attempt) -> Check | None:
        if call.name not in attempt.task.candidates:
            return rejected(STAGE, RejectReason.UNKNOWN_TOOL, f"{call.name!r} is not a candidate")
        try:
            validator = self._validator(call.name)
        except (KeyError, CatalogError) as error:
            return rejected(STAGE, RejectReason.UNKNOWN_TOOL, f"{call.name!r} has no usable schema: {error}")
        if validator.is_valid(call.arguments):
            return None
        problem = validator.violations(call.arguments)[0]
        where = ".".join(map(str, problem.path))
        return rejected(STAGE, RejectReason.INVALID_ARGUMENTS, f"{call.name}: {where}: {problem.message}")

    def _validator(self, tool_id: str) -> Validator:
        validator = self._validators.get(tool_id)
        if validator is None:
            tool = self._tools.tool(tool_id)
            validator = self._validators[tool_id] = Validator(tool.parameters, tool.definitions)
        return validator
