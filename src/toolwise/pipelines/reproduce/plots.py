"""Plots of rates with 95% intervals, as SVG that any browser and any Markdown viewer shows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from toolwise.types import Json

_LINE, _LEFT, _WIDTH, _HEAD = 20, 250, 360, 34
_OTHER = "#b0b0b0"
PALETTE = ("#1f77b4", "#c0392b", "#2c8c57", "#c08a2d", "#7b5ea7", "#7a7a7a")
"""Colours of series, in order; told apart on a white ground."""
_PANEL_WIDTH, _PANEL_HEIGHT, _MARGIN, _LEGEND = 420, 240, 54, 22
_PER_ROW, _ROW = 2, _PANEL_HEIGHT + 96


def _svg(title: str, width: int, height: int, parts: Sequence[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="12" role="img"><title>{escape(title)}</title>'
        '<rect width="100%" height="100%" fill="white"/>'
    )
    return "\n".join([head, *parts, "</svg>", ""])


@dataclass(frozen=True)
class Dot:
    """A rate in [0, 1] with its interval, on a line of a panel."""

    panel: str
    label: str
    value: float
    low: float
    high: float
    colour: str = _OTHER


def dot_plot(title: str, dots: Sequence[Dot]) -> str:
    """A panel for each kind of dot, a line for each dot; rates from 0 to 100%."""
    parts: list[str] = []
    y = 10
    for panel in dict.fromkeys(dot.panel for dot in dots):
        y += _HEAD
        parts.append(f'<text x="10" y="{y - 8}" font-weight="bold">{escape(panel)}</text>')
        inside = [dot for dot in dots if dot.panel == panel]
        parts += [
            f'<line x1="{_LEFT + _WIDTH * q // 4}" y1="{y}" x2="{_LEFT + _WIDTH * q // 4}" '
            f'y2="{y + _LINE * len(inside)}" stroke="#e4e4e4"/>'
            for q in range(5)
        ]
        for dot in inside:
            parts += _mark(dot, y + _LINE // 2)
            y += _LINE
    y += 22
    parts += [
        f'<text x="{_LEFT + _WIDTH * q // 4}" y="{y - 6}" text-anchor="middle">{25 * q}%</text>' for q in range(5)
    ]
    return _svg(title, _LEFT + _WIDTH + 70, y + 4, parts)


def _mark(dot: Dot, y: int) -> list[str]:
    low, at, high = (round(_LEFT + _WIDTH * value, 1) for value in (dot.low, dot.value, dot.high))
    return [
        f'<text x="{_LEFT - 10}" y="{y + 4}" text-anchor="end">{escape(dot.label)}</text>',
        f'<line x1="{low}" y1="{y}" x2="{high}" y2="{y}" stroke="{dot.colour}" stroke-width="2"/>',
        f'<circle cx="{at}" cy="{y}" r="4" fill="{dot.colour}"/>',
        f'<text x="{_LEFT + _WIDTH + 10}" y="{y + 4}">{100 * dot.value:.0f}%</text>',
    ]


@dataclass(frozen=True)
class Series:
    """Rates along an axis. `points` maps a place on the axis to a metric (value, low, high), or one level for all."""

    label: str
    points: Mapping[float, Json]
    level: Json | None = None
    """A metric that does not depend on the axis: a dashed line over the whole width."""


def curve_plot(title: str, axis: str, panels: Mapping[str, Sequence[Series]]) -> str:
    """Two panels a row, each with its series; the axis is logarithmic, the rates go from 0 to 100%."""
    labels = list(dict.fromkeys(series.label for inside in panels.values() for series in inside))
    colours = {label: PALETTE[index % len(PALETTE)] for index, label in enumerate(labels)}
    parts: list[str] = []
    for index, (name, inside) in enumerate(panels.items()):
        x = _MARGIN + index % _PER_ROW * (_PANEL_WIDTH + _MARGIN)
        drawn = _panel(name, axis, inside, colours, x)
        parts += [f'<g transform="translate(0 {index // _PER_ROW * _ROW})">', *drawn, "</g>"]
    width = _MARGIN + min(_PER_ROW, len(panels)) * (_PANEL_WIDTH + _MARGIN)
    bottom = math.ceil(len(panels) / _PER_ROW) * _ROW + _MARGIN // 2
    parts += _legend(colours, bottom, width)
    rows = math.ceil(len(labels) / _per_row(width))
    return _svg(title, width, bottom + rows * _LEGEND + 8, parts)


def _per_row(width: int) -> int:
    return max(1, (width - _MARGIN) // 220)


def _legend(colours: Mapping[str, str], top: int, width: int) -> list[str]:
    parts = []
    for index, (label, colour) in enumerate(colours.items()):
        x, y = _MARGIN + 220 * (index % _per_row(width)), top + _LEGEND * (index // _per_row(width))
        parts.append(f'<rect x="{x}" y="{y - 9}" width="14" height="10" fill="{colour}"/>')
        parts.append(f'<text x="{x + 20}" y="{y}">{escape(label)}</text>')
    return parts


def _panel(name: str, axis: str, inside: Sequence[Series], colours: Mapping[str, str], left: int) -> list[str]:
    top, bottom = _MARGIN, _MARGIN + _PANEL_HEIGHT
    places = sorted({place for series in inside for place in series.points})
    parts = [f'<text x="{left}" y="{top - 18}" font-weight="bold">{escape(name)}</text>']
    for quarter in range(5):
        y = bottom - _PANEL_HEIGHT * quarter // 4
        parts.append(f'<line x1="{left}" y1="{y}" x2="{left + _PANEL_WIDTH}" y2="{y}" stroke="#e4e4e4"/>')
        parts.append(f'<text x="{left - 6}" y="{y + 4}" text-anchor="end">{25 * quarter}%</text>')
    across = _across(places, left)
    for place in places:
        parts.append(f'<text x="{across[place]}" y="{bottom + 16}" text-anchor="middle">{place:,.0f}</text>')
    middle = left + _PANEL_WIDTH // 2
    parts.append(f'<text x="{middle}" y="{bottom + 34}" text-anchor="middle" fill="#555">{escape(axis)}</text>')
    for offset, series in enumerate(inside):
        shift = 3 * (offset - (len(inside) - 1) / 2)  # beside each other, so that intervals can be told apart
        parts += _curve(series, colours[series.label], {p: x + shift for p, x in across.items()}, left)
    return parts


def _across(places: Sequence[float], left: int) -> dict[float, float]:
    """Where each place lies: logarithmic, with room at both ends."""
    logs = [math.log(place) for place in places]
    low, high = (min(logs), max(logs)) if logs else (0.0, 0.0)
    room, wide = 30, _PANEL_WIDTH - 60
    return {
        place: round(left + room + (wide * (log - low) / (high - low) if high > low else wide / 2), 1)
        for place, log in zip(places, logs, strict=True)
    }


def _height(value: float) -> float:
    return round(_MARGIN + _PANEL_HEIGHT * (1 - value), 1)


def _curve(series: Series, colour: str, across: Mapping[float, float], left: int) -> list[str]:
    parts = []
    if series.level is not None:
        y = _height(series.level["value"])
        ends = f'x1="{left}" y1="{y}" x2="{left + _PANEL_WIDTH}" y2="{y}"'
        parts.append(f'<line {ends} stroke="{colour}" stroke-width="1.5" stroke-dasharray="5 4"/>')
    drawn = [(across[place], metric) for place, metric in sorted(series.points.items())]
    line = " ".join(f"{x:.1f},{_height(metric['value'])}" for x, metric in drawn)
    if len(drawn) > 1:
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
    for x, metric in drawn:
        low, at, high = (_height(metric[key]) for key in ("low", "value", "high"))
        parts.append(f'<line x1="{x:.1f}" y1="{low}" x2="{x:.1f}" y2="{high}" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<circle cx="{x:.1f}" cy="{at}" r="3.5" fill="{colour}"/>')
    return parts
