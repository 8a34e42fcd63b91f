"""A catalog's tools as other people's corpora document them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from toolwise.catalog import CatalogFile
from toolwise.catalog.documentation import DocumentationFile, compose
from toolwise.catalog.documentation.losses import Losses
from toolwise.catalog.export.toolalpaca import toolalpaca_entry
from toolwise.catalog.export.toolbench import toolbench_tool
from toolwise.types import Json

_KEPT = 256
"""Toolsets whose documentation is remembered."""


class CatalogDescriber:
    """Documents a catalog's tools in ToolBench's and ToolAlpaca's ways; the latter as `catalog document` did."""

    def __init__(self, catalog: CatalogFile) -> None:
        self._catalog = catalog
        self._documentation = DocumentationFile(catalog.folder)
        self._apis = lru_cache(_KEPT)(self._apis_of)

    def api(self, tool_id: str) -> Mapping[str, Json]:
        """An entry of a ToolBench instruction's `api_list`; its `tool_name` is the toolset's name."""
        toolset, _, name = tool_id.partition(".")
        return self._apis(toolset)[name]

    def entry(self, toolset: str) -> Mapping[str, Json]:
        """A toolset's entry of a ToolAlpaca file."""
        found = self._catalog.toolset(toolset)
        return toolalpaca_entry(found, self._documentation.get(toolset) or compose(found), Losses())

    def _apis_of(self, toolset: str) -> Mapping[str, Mapping[str, Json]]:
        found = self._catalog.toolset(toolset)
        listed = toolbench_tool(found, toolset, Losses())["api_list"]
        return {
            api["name"]: {
                "category_name": found.category,
                "tool_name": toolset,
                "api_name": api["name"],
                "api_description": api["description"],
                "required_parameters": api["required_parameters"],
                "optional_parameters": api["optional_parameters"],
                "method": api["method"],
                "template_response": api["template_response"],
            }
            for api in listed
        }
