"""Holm's correction for several comparisons."""

from __future__ import annotations

from collections.abc import Mapping


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Adjusted p-values (Holm, 1979): below 5% for any of them at most once in twenty where nothing differs."""
    adjusted: dict[str, float] = {}
    highest = 0.0
    for rank, (name, value) in enumerate(sorted(p_values.items(), key=lambda pair: pair[1])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * value))
        adjusted[name] = highest
    return {name: adjusted[name] for name in p_values}
