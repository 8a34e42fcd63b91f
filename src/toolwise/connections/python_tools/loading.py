"""In the child: limits on the process, then the user's module."""

from __future__ import annotations

import importlib
import importlib.util
import resource
import sys
from pathlib import Path
from types import ModuleType


def limit_process(memory_bytes: int, file_bytes: int) -> None:
    """Bound the process's memory and the files that it writes; no core dumps. For ever: nothing can lift them."""
    for kind, wanted in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_FSIZE, file_bytes),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        bound = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        try:
            resource.setrlimit(kind, (bound, bound))
        except (ValueError, OSError):
            continue  # a system that does not know the limit


def load_module(reference: str) -> ModuleType:
    """Import a file by its path, or a module by its dotted name. Raises whatever the module raises."""
    if not reference.endswith(".py"):
        return importlib.import_module(reference)
    path = Path(reference)
    if not path.is_file():
        raise FileNotFoundError(f"{reference}: no such file")
    sys.path.insert(0, str(path.parent.resolve()))
    name = path.stem if path.stem.isidentifier() and path.stem not in sys.modules else f"toolwise_module_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{reference}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and forward references look there
    spec.loader.exec_module(module)
    return module
