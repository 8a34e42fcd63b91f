"""Toolsets that several documents tell of in pieces, such as the providers in ToolBench's instruction files."""

from __future__ import annotations

from collections.abc import Iterator

from toolwise.catalog.draft import Draft, Names


class Gathered:
    """Merges drafts by their `merge_key`. Their tools refer to no definitions, so that nothing else needs merging."""

    def __init__(self) -> None:
        self._drafts: dict[str, Draft] = {}
        self._names: dict[str, Names] = {}

    def add(self, draft: Draft) -> None:
        """Add a draft's tools to the toolset they belong to; one that is known by its original name is the same."""
        known = self._drafts.get(draft.merge_key)
        if known is None:
            self._drafts[draft.merge_key] = draft
            names = self._names[draft.merge_key] = Names()
            for tool in draft.tools:
                names.give(tool["name"])
            return
        self._merge(known, draft)

    def _merge(self, known: Draft, draft: Draft) -> None:
        of_original = {known.original_names[tool["name"]]: tool for tool in reversed(known.tools)}
        for tool in draft.tools:
            original = draft.original_names[tool["name"]]
            same = of_original.get(original)
            if same is None:
                name = self._names[draft.merge_key].give(tool["name"])
                known.tools.append({**tool, "name": name})
                known.original_names[name] = original
                continue
            for key in ("returns", "binding", "examples"):
                if key in tool:
                    same.setdefault(key, tool[key])
            same["description"] = same["description"] or tool["description"]
        known.description = known.description or draft.description
        known.introduction = known.introduction or draft.introduction
        known.servers.extend(server for server in draft.servers if server not in known.servers)
        known.auth = known.auth or draft.auth

    def drafts(self) -> Iterator[Draft]:
        """The merged toolsets, in the order in which they were first told of."""
        yield from self._drafts.values()
