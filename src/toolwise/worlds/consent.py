"""Which real tools are called without asking: none that destroys."""

from __future__ import annotations

from toolwise.text import identifier_words
from toolwise.types import Tool

_DESTROYING = frozenset(
    """delete remove terminate destroy purge erase drop wipe clear revoke cancel reset kill uninstall truncate
    overwrite prune unlink rm""".split()
)


def is_destructive(tool: Tool) -> bool:
    """May a call destroy something? What the tool's hints say; where they say nothing, what its name says."""
    if tool.hints.destructive is not None:
        return tool.hints.destructive
    if tool.hints.read_only:
        return False
    return not _DESTROYING.isdisjoint(identifier_words(tool.name))


def why_refused(tool: Tool) -> str:
    """The sentence for a call that is refused."""
    return f"'{tool.name}' may destroy something, and nobody consented to that; open the world with consent to call it."
