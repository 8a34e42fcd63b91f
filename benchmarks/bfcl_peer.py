"""The peer of our call checker: `bfcl-eval` (PyPI, installed with `--no-deps`), its checker and decoder for Python.

Its packages import the clients of every hosted model that it can ask. Neither checker nor decoder uses them, so the
table of models and the Java and JavaScript parsers are left empty here; what is compared is the package's own code.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

PYTHON_CATEGORIES = (
    "simple_python multiple parallel parallel_multiple irrelevance live_simple live_multiple live_parallel "
    "live_parallel_multiple live_irrelevance live_relevance"
).split()
_MODEL = "any"


class _AnyModel(dict[str, Any]):
    """Every model keeps the dots in function names, as those that are prompted do."""

    def __missing__(self, key: str) -> SimpleNamespace:
        return SimpleNamespace(underscore_to_dot=False)


def _empty(name: str, **content: Any) -> None:
    module = ModuleType(name)
    for key, value in content.items():
        setattr(module, key, value)
    sys.modules.setdefault(name, module)


@dataclass(frozen=True)
class Peer:
    """The package's checker, decoder and data."""

    data: Path
    checker: ModuleType
    decoder: ModuleType
    python: Any

    def verdict(self, functions: Sequence[Any], calls: Any, answers: Sequence[Any], category: str) -> bool | str:
        """Its verdict on calls in its own form (`[{name: arguments}]`); where it raises, the exception's name."""
        try:
            result = self.checker.ast_checker(functions, calls, answers, self.python, category, _MODEL)
        except Exception as error:
            return type(error).__name__
        return bool(result["valid"])

    def decode(self, text: str) -> Any:
        """Its reading of a prompted model's text; raises where it cannot."""
        return self.decoder.default_decode_ast_prompting(text)


def load_peer() -> Peer | None:
    """None where the package is not installed."""
    try:
        package = importlib.import_module("bfcl_eval")
    except ImportError:
        return None
    _empty("bfcl_eval.constants.model_config", MODEL_CONFIG_MAPPING=_AnyModel())
    _empty("bfcl_eval.model_handler.parser.java_parser", parse_java_function_call=None)
    _empty("bfcl_eval.model_handler.parser.js_parser", parse_javascript_function_call=None)
    try:
        checker = importlib.import_module("bfcl_eval.eval_checker.ast_eval.ast_checker")
        decoder = importlib.import_module("bfcl_eval.model_handler.utils")
        enums = importlib.import_module("bfcl_eval.constants.enums")
    except ImportError as error:
        raise RuntimeError(f"bfcl-eval needs {error.name} too") from error
    return Peer(Path(str(package.__file__)).parent / "data", checker, decoder, enums.Language.PYTHON)
