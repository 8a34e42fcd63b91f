"""In the child: a module's functions, the schemas of their parameters, and calls with checked arguments."""

from __future__ import annotations

import asyncio
import functools
import inspect
import operator
import types
import typing
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, NotRequired

from pydantic import PydanticUserError, TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError
from pydantic_core import PydanticSerializationError, to_json, to_jsonable_python
from typing_extensions import TypedDict

Json = Any  # as in `toolwise.types`, which would double the time that a child takes to start

_REFERENCE = "#/$defs/{model}"
HINTS_ATTRIBUTE = "toolwise_hints"
"""A function may say `{"read_only": True, "idempotent": True, "destructive": False}` of itself."""
_MAX_DEFAULT = 200


class BadArgumentsError(Exception):
    """The arguments do not fit the function."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class UnwritableResultError(Exception):
    """What the function returned has no JSON form."""


@dataclass
class Parameter:
    """One parameter that a caller may give."""

    name: str
    adapter: TypeAdapter[Any]
    required: bool
    default: Any = None
    annotation: Any = Any


@dataclass
class PythonFunction:
    """One function that can be called with JSON."""

    name: str
    call: Callable[..., Any]
    parameters: dict[str, Parameter] = field(default_factory=dict)
    positional: tuple[str, ...] = ()
    """Parameters that must be passed by position."""
    result: TypeAdapter[Any] | None = None
    """None where nothing says what it returns."""
    returns_nothing: bool = False
    notes: list[str] = field(default_factory=list)
    """Parameters that cannot be given as JSON, and keep their defaults."""

    def run(self, arguments: Mapping[str, Json]) -> Json:
        """Check, coerce, call, and make the result JSON. Raises BadArgumentsError, and whatever the function raises."""
        given = self._checked(arguments)
        first = [given.pop(name) for name in self.positional if name in given]
        result = self.call(*first, **given)
        if inspect.iscoroutine(result):
            result = asyncio.run(result)
        try:
            return to_jsonable_python(result, by_alias=True)
        except (PydanticSerializationError, RecursionError, ValueError) as error:
            raise UnwritableResultError(str(error)) from None

    def _checked(self, arguments: Mapping[str, Json]) -> dict[str, Any]:
        for name in arguments:
            if name not in self.parameters:
                raise BadArgumentsError(f"Unknown field '{name}'.", name)
        for name, parameter in self.parameters.items():
            if parameter.required and name not in arguments:
                raise BadArgumentsError(f"Missing required field '{name}'.", name)
        values: dict[str, Any] = {}
        for name, value in arguments.items():
            try:
                values[name] = self.parameters[name].adapter.validate_json(to_json(value))
            except ValidationError as error:
                problem = error.errors(include_url=False)[0]
                where = ".".join(str(part) for part in (name, *problem["loc"]))
                raise BadArgumentsError(f"Field '{where}': {problem['msg']}.", where) from None
        return values


class LeftOutError(Exception):
    """Why a function cannot be a tool."""


def public_functions(module: ModuleType) -> Iterator[tuple[str, Callable[..., Any]]]:
    """The module's own public functions in the order of their definition, with `Class.method` for static ones.

    `__all__` decides where it exists; else what is defined in the module and has no leading underscore.
    """
    listed = getattr(module, "__all__", None)
    for name, value in list(vars(module).items()):
        if listed is not None and name not in listed:
            continue
        if listed is None and (name.startswith("_") or getattr(value, "__module__", None) != module.__name__):
            continue
        if inspect.isclass(value):
            for method, raw in vars(value).items():
                if not method.startswith("_") and isinstance(raw, staticmethod | classmethod):
                    yield f"{name}.{method}", getattr(value, method)
        elif inspect.isroutine(value) or (callable(value) and hasattr(value, "__wrapped__")):
            yield name, value


def read_function(name: str, function: Callable[..., Any]) -> PythonFunction:
    """The function's parameters and result as adapters. Raises LeftOutError."""
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise LeftOutError("it is a generator: its results come one by one, and a tool answers once")
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError) as error:
        raise LeftOutError(f"it has no signature: {error}") from error
    hints, note = _hints(function)
    read = PythonFunction(name, function, notes=[note] if note else [])
    positional: list[str] = []
    for parameter in signature.parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            stars = "*" if parameter.kind is parameter.VAR_POSITIONAL else "**"
            read.notes.append(f"{stars}{parameter.name} is never given")
            continue
        _add(read, parameter, hints.get(parameter.name, parameter.annotation))
        if parameter.kind is parameter.POSITIONAL_ONLY:
            positional.append(parameter.name)
    read.positional = tuple(positional)
    _read_result(read, hints.get("return", signature.return_annotation), signature)
    return read


def _hints(function: Callable[..., Any]) -> tuple[dict[str, Any], str]:
    inner = inspect.unwrap(function)
    try:
        return typing.get_type_hints(inner, include_extras=True), ""
    except Exception as error:  # any annotation that is no type, or that names what only a type checker knows
        return {}, f"its type hints cannot be read ({type(error).__name__}: {error})"


def _adapter(annotation: Any) -> TypeAdapter[Any]:
    """Raises LeftOutError for a type that JSON cannot give."""
    if annotation is inspect.Parameter.empty or isinstance(annotation, str):
        annotation = Any
    annotation = _friendly(annotation)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            adapter: TypeAdapter[Any] = TypeAdapter(annotation)
            adapter.json_schema(ref_template=_REFERENCE)
    except (
        PydanticUserError,
        PydanticSchemaGenerationError,
        TypeError,
        ValueError,
        NameError,
        RecursionError,
    ) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise LeftOutError(f"{_shown(annotation)} cannot be given as JSON: {first[:160]}") from error
    return adapter


def _friendly(annotation: Any, depth: int = 0) -> Any:
    """The annotation with `typing.TypedDict`s made those of `typing_extensions`, which pydantic wants before 3.12."""
    if depth > 8:
        return annotation
    if typing.is_typeddict(annotation):
        return _typed_dict(annotation, depth)
    arguments = typing.get_args(annotation)
    made = tuple(_friendly(argument, depth + 1) for argument in arguments)
    if all(new is old for new, old in zip(made, arguments, strict=True)):
        return annotation
    if isinstance(annotation, types.UnionType):
        return functools.reduce(operator.or_, made)
    copy = getattr(annotation, "copy_with", None)
    return copy(made) if copy is not None else typing.get_origin(annotation)[made]


@functools.cache
def _typed_dict(annotation: Any, depth: int) -> Any:
    hints = typing.get_type_hints(annotation, include_extras=True)
    fields = {
        name: _friendly(hint, depth + 1) if name in annotation.__required_keys__ else NotRequired[_bare(hint, depth)]
        for name, hint in hints.items()
    }
    made = TypedDict(annotation.__name__, fields)  # type: ignore[misc]
    made.__doc__ = annotation.__doc__
    return made


def _bare(hint: Any, depth: int) -> Any:
    origin = typing.get_origin(hint)
    inner = typing.get_args(hint)[0] if origin in (typing.Required, typing.NotRequired) else hint
    return _friendly(inner, depth + 1)


def _shown(annotation: Any) -> str:
    return getattr(annotation, "__name__", None) or str(annotation).replace("typing.", "")[:80]


def _add(read: PythonFunction, parameter: inspect.Parameter, annotation: Any) -> None:
    required = parameter.default is parameter.empty
    try:
        adapter = _adapter(annotation)
    except LeftOutError as error:
        if required:
            raise LeftOutError(f"its parameter {parameter.name}: {error}") from error
        read.notes.append(f"{parameter.name} keeps its default: {error}")
        return
    default = None if required else parameter.default
    read.parameters[parameter.name] = Parameter(parameter.name, adapter, required, default, annotation)


def _read_result(read: PythonFunction, annotation: Any, signature: inspect.Signature) -> None:
    if annotation is signature.empty or isinstance(annotation, str):
        return
    if annotation is None or annotation is type(None):
        read.returns_nothing = True
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            adapter: TypeAdapter[Any] = TypeAdapter(_friendly(annotation))
            adapter.json_schema(mode="serialization", ref_template=_REFERENCE)
    except Exception as error:  # a result that has no schema is still a result
        read.notes.append(f"its result has no schema ({type(error).__name__})")
    else:
        read.result = adapter


def describe(functions: list[PythonFunction]) -> dict[str, Json]:
    """All functions with their schemas; `$defs` are shared, so that equal names mean equal schemas."""
    inputs: list[tuple[Any, Any, TypeAdapter[Any]]] = []
    for read in functions:
        inputs += [((read.name, p.name), "validation", p.adapter) for p in read.parameters.values()]
        if read.result is not None:
            inputs.append(((read.name, ""), "serialization", read.result))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        schemas, shared = TypeAdapter.json_schemas(inputs, ref_template=_REFERENCE) if inputs else ({}, {})
    by_key = {key: schema for (key, _), schema in schemas.items()}
    return {
        "functions": [_described(read, by_key) for read in functions],
        "definitions": shared.get("$defs", {}),
    }


def _described(read: PythonFunction, schemas: Mapping[Any, Any]) -> dict[str, Json]:
    properties: dict[str, Json] = {}
    for parameter in read.parameters.values():
        schema = dict(schemas[read.name, parameter.name])
        schema.pop("title", None)
        if not parameter.required and (default := _default(parameter)) is not None:
            schema["default"] = default
        properties[parameter.name] = schema
    hints = getattr(read.call, HINTS_ATTRIBUTE, None)
    return {
        "name": read.name,
        "doc": inspect.getdoc(read.call) or "",
        "properties": properties,
        "required": [p.name for p in read.parameters.values() if p.required],
        "returns": schemas.get((read.name, "")),
        "returns_nothing": read.returns_nothing,
        "hints": {key: value for key, value in hints.items() if isinstance(value, bool)}
        if isinstance(hints, Mapping)
        else {},
        "notes": read.notes,
    }


def _default(parameter: Parameter) -> Json:
    try:
        encoded = parameter.adapter.dump_json(parameter.default, warnings=False)
    except Exception:  # a default of another type than the annotation says is nothing to show
        return None
    return (
        to_jsonable_python(parameter.adapter.dump_python(parameter.default, mode="json", warnings=False))
        if (len(encoded) <= _MAX_DEFAULT)
        else None
    )
