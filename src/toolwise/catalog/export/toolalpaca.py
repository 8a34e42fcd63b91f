"""A toolset with ToolAlpaca's standard documentation (arXiv 2306.05301, section 3.1)."""

from __future__ import annotations

from typing import Any

import orjson

from toolwise.catalog.documentation.losses import Loss, Losses
from toolwise.catalog.documentation.record import Documentation
from toolwise.catalog.documentation.rendering import operations, render_functions
from toolwise.types import Toolset


def toolalpaca_entry(toolset: Toolset, documentation: Documentation, losses: Losses) -> dict[str, Any]:
    """The toolset in the fields of ToolAlpaca's files; the specification stands inside as a string."""
    document = documentation.specification
    functions = render_functions(document)
    losses[Loss.BINDING] += sum(tool.binding is not None and tool.binding.kind != "http" for tool in toolset.tools)
    return {
        "Name": toolset.title or toolset.name,
        "Description": toolset.description,
        "Category": toolset.category,
        "Introduction": documentation.introduction,
        "Functions": documentation.functions,
        "Documentation": orjson.dumps(document).decode(),
        "NLDocumentation": "".join(f"{name}: {text}\n" for name, text in functions.items()),
        "Function_Description": {**functions, "components": ""},
        "Function_Projection": {name: [path, method] for name, path, method, _ in operations(document)},
    }
