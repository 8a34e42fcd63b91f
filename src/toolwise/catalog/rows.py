"""What documents of many rows share: one bad row never stops the rest, and what is left out is counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from toolwise.catalog.documents import MAX_REPORTED, DocumentError
from toolwise.catalog.draft import Draft, slug
from toolwise.catalog.left_out import LeftOut, LeftOutReason


def stem(name: str) -> str:
    """A file's name without its folder and endings."""
    return name.replace("\\", "/").rsplit("/", 1)[-1].split(".", maxsplit=1)[0] or "tools"


class RowReport:
    """What was left out of one document, row by row; beyond MAX_REPORTED rows only counted, by reason."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._items: list[LeftOut] = []
        self._more: dict[LeftOutReason, int] = {}

    def add(self, where: str, reason: LeftOutReason, detail: str) -> None:
        if len(self._items) < MAX_REPORTED:
            self._items.append(LeftOut(source=self._source, where=where[:200], reason=reason, detail=detail[:300]))
        else:
            self._more[reason] = self._more.get(reason, 0) + 1

    def guard(self, where: str, take: Callable[..., object], *arguments: Any) -> bool:
        """Call `take`; is the row in? A row of another shape than its format's is left out with the reason."""
        try:
            take(*arguments)
        except DocumentError as error:
            self.add(where, error.reason, error.detail)
        except RecursionError:
            self.add(where, LeftOutReason.MALFORMED, "nested too deeply")
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            # The readers check what they read; this is the last resort that keeps one row from stopping the rest.
            self.add(where, LeftOutReason.INVALID_ROW, f"not well-formed: {type(error).__name__}: {error}")
        else:
            return True
        return False

    def left_out(self) -> list[LeftOut]:
        counted = [
            LeftOut(source=self._source, reason=reason, detail=f"and {count:,} more rows for this reason")
            for reason, count in self._more.items()
        ]
        return [*self._items, *counted]

    def draft(self) -> Draft:
        """A draft of no tools that carries what was left out."""
        return Draft(slug=slug(stem(self._source)), source=self._source, left_out=self.left_out())
