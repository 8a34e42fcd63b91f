"""Values in Python's syntax, as models write them in calls: read from the syntax tree, never evaluated."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

_MAX_POWER = 64
_MAX_REPEAT = 10_000
_BINARY: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_UNARY: Mapping[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
    ast.Invert: operator.invert,
}


class NotAValue(Exception):  # noqa: N818 - it says what the text is, which is nobody's error
    """The text is not what is being read."""


def call_of(node: ast.Call) -> tuple[str, dict[str, Any]]:
    """A call's dotted name and its keyword arguments. Raises NotAValue."""
    parts: list[str] = []
    function: ast.expr = node.func
    while isinstance(function, ast.Attribute):
        parts.append(function.attr)
        function = function.value
    if isinstance(function, ast.Name):
        parts.append(function.id)
    arguments = {keyword.arg or "**": value_of(keyword.value) for keyword in node.keywords}
    return ".".join(reversed(parts)), arguments


def value_of(node: ast.expr) -> Any:
    """The value of a literal; variables, subscripts and calls without keywords are their own text, as in BFCL.

    Arithmetic on literals is worked out within bounds. Raises NotAValue for anything else.
    """
    try:
        return _value(node)
    except (RecursionError, TypeError, ValueError, ArithmeticError) as error:
        raise NotAValue(f"no value: {error}") from error


def _value(node: ast.expr) -> Any:  # noqa: PLR0911 - one branch a kind of node
    if type(node) is ast.Constant:  # nearly all of them
        return "..." if node.value is Ellipsis else node.value
    match node:
        case ast.List():
            return [_value(part) for part in node.elts]
        case ast.Tuple():
            return tuple(_value(part) for part in node.elts)
        case ast.Dict():
            return {_value(_given(key)): _value(value) for key, value in zip(node.keys, node.values, strict=True)}
        case ast.Name():
            return node.id
        case ast.UnaryOp():
            return _UNARY[type(node.op)](_value(node.operand))
        case ast.BinOp():
            return _arithmetic(node)
        case ast.Call():
            return dict([call_of(node)]) if node.keywords else ast.unparse(node)
        case ast.Subscript():
            return f"{ast.unparse(node.value)}[{ast.unparse(node.slice)}]"
        case _:
            raise NotAValue(f"{type(node).__name__} is no literal")


def _given(key: ast.expr | None) -> ast.expr:
    if key is None:
        raise NotAValue("a dictionary is unpacked into another")
    return key


def _arithmetic(node: ast.BinOp) -> Any:
    operation = _BINARY.get(type(node.op))
    if operation is None:
        raise NotAValue(f"{type(node.op).__name__} is no arithmetic")
    left, right = _operand(node.left), _operand(node.right)
    if isinstance(node.op, ast.Pow) and not (isinstance(right, int | float) and abs(right) <= _MAX_POWER):
        raise NotAValue("too high a power")
    if isinstance(node.op, ast.Mult) and any(
        isinstance(one, str | list | tuple | bytes) and isinstance(times, int) and len(one) * times > _MAX_REPEAT
        for one, times in ((left, right), (right, left))
    ):
        raise NotAValue("too many repeats")
    return operation(left, right)


def _operand(node: ast.expr) -> Any:
    """A literal without variables: BFCL works with values, and a variable has none."""
    if any(isinstance(part, ast.Name | ast.Call | ast.Attribute | ast.Subscript) for part in ast.walk(node)):
        raise NotAValue("arithmetic on a variable")
    return _value(node)
