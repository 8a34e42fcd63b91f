"""Making a new catalog from an old one, toolset by toolset: what was left out before stays on record."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from toolwise.catalog.left_out import LeftOut
from toolwise.catalog.saved import CatalogFile
from toolwise.catalog.saving import CatalogWriter
from toolwise.errors import CatalogError
from toolwise.types import Toolset


def rewrite_catalog(
    catalog: CatalogFile,
    out: Path,
    toolsets: Iterable[Toolset],
    left_out: Callable[[], Iterable[LeftOut]] = tuple,
) -> CatalogWriter:
    """Write `toolsets` as the catalog `out`, with the old catalog's record of what was left out and then more.

    `left_out` is asked when all toolsets are through. `out` may not be the old catalog, which is being read. Returns
    the closed writer for its counts. Raises CatalogError.
    """
    if out.resolve() == catalog.folder.resolve():
        raise CatalogError(f"{out}: is the catalog that is read; choose another --out")
    with CatalogWriter(out) as writer:
        for toolset in toolsets:
            writer.add(as_json(toolset))
        for item in catalog.left_out():
            writer.leave_out(item)
        for item in left_out():
            writer.leave_out(item)
        writer.commit()
    return writer


def as_json(toolset: Toolset) -> dict[str, Any]:
    """A toolset as a catalog's line holds it."""
    return toolset.model_dump(mode="json")
