"""The HTML page: one self-contained file, nothing loaded from anywhere, all text escaped."""

from __future__ import annotations

import base64
import hashlib
import math
import os
import re
import tempfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import orjson
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from toolwise.errors import RunError, boundary
from toolwise.reports import charts, comparison, planes, sections, trees, wording
from toolwise.reports.document import RunDocument, Sample
from toolwise.types import Json

SAMPLE_BYTES = 1_200_000
"""The most bytes of search trees on the page; what does not fit is counted there."""
_JSON_STRING = re.compile(r'("(?:[^"\\]|\\.)*")(\s*:)?')


def render_html(document: RunDocument) -> str:
    """The whole page. The same document gives the same bytes."""
    environment = _environment()
    shown, left_out = _trees(document)
    views = [view for view, _ in shown]
    style, script, early = _asset("report.css"), _asset("report.js"), _asset("theme.js")
    if document.contenders:
        style, script = style + "\n" + _asset("comparison.css"), script + "\n" + _asset("comparison.js")
    return environment.get_template("page.html.j2").render(
        document=document,
        style=style,
        script=script,
        early=early,
        script_hashes=[_csp_hash(early), _csp_hash(script)],
        data=_embedded(document),
        headlines=sections.headlines(document),
        about=sections.about(document),
        results=sections.results(document),
        retrieval=sections.retrieval(document),
        funnels=sections.funnels(document),
        corpus=sections.corpus(document),
        catalog=sections.catalog(document),
        curve=charts.curve(document.curve),
        board=comparison.board(document),
        settings=comparison.settings(document),
        planes=planes.planes(document),
        failures=comparison.failures(document),
        kinds=comparison.failure_examples(document, views),
        pairs=comparison.pairs(document, views),
        curves=[(name, drawn) for name, points in document.curves.items() if (drawn := charts.curve(points))],
        trees=shown,
        trees_left_out=left_out,
        timings=sections.timings(document),
        provenance=sections.provenance(document),
    )


def write_report(document: RunDocument, path: Path | str) -> Path:
    """Write the page in one step: a reader sees the old file or the new one, never half of one.

    Raises RunError where the file cannot be written.
    """
    target = Path(path)
    page = render_html(document)
    with boundary(RunError, f"cannot write the report {target} (choose another place or free some space)"):
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
        draft = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
                file.write(page)
            draft.chmod(0o644)
            draft.replace(target)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
    return target


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("toolwise.reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        count=wording.count,
        plural=wording.plural,
        split_label=wording.split_label,
        json_text=json_markup,
        pretty=trees.pretty,
        raw_link=comparison.raw_link,
    )
    return environment


def _asset(name: str) -> Markup:
    """A file of ours, put on the page as it stands."""
    environment = _environment()
    loader = environment.loader
    assert loader is not None  # noqa: S101  (set three lines above it)
    return Markup(loader.get_source(environment, name)[0].strip())  # noqa: S704  (shipped with the package)


def json_markup(text: str) -> Markup:
    """JSON text, escaped, with its keys and strings marked for colour."""
    parts: list[Markup] = []
    end = 0
    for match in _JSON_STRING.finditer(text):
        parts.append(escape(text[end : match.start()]))
        tag = Markup("<b>{}</b>{}") if match.group(2) else Markup("<i>{}</i>{}")
        parts.append(tag.format(match.group(1), match.group(2) or ""))
        end = match.end()
    parts.append(escape(text[end:]))
    return Markup("").join(parts)


def _csp_hash(script: str) -> str:
    """The page's policy runs these scripts and no others, whatever else gets on it."""
    return "'sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() + "'"


def _embedded(document: RunDocument) -> Markup:
    """Every number of the page as JSON inside a script element; no character in it can end the element."""
    numbers = orjson.dumps(finite(document.model_dump(mode="json", exclude={"samples"}))).decode()
    for character in "<>&\u2028\u2029":
        numbers = numbers.replace(character, f"\\u{ord(character):04x}")
    return Markup(numbers)  # noqa: S704  (escaped by the loop above)


def finite(value: Json) -> Json:
    """JSON has no NaN and no infinity: null."""
    if isinstance(value, dict):
        return {key: finite(part) for key, part in value.items()}
    if isinstance(value, list):
        return [finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


# Search trees ---------------------------------------------------------------------------------------------------------


def _trees(document: RunDocument) -> tuple[list[tuple[trees.TreeView, Markup]], int]:
    """The trees that fit, with their HTML, in the samples' order; and how many of the attempts are not on the page.

    They are taken in turn from each split and strategy, so that a full page still shows all of them; samples of
    contenders come in that order already, all attempts on a task together.
    """
    samples = document.samples
    names = {contender.key: contender.name for contender in document.contenders}
    template = _environment().get_template("tree.html.j2")
    fitting: dict[int, tuple[trees.TreeView, Markup]] = {}
    size = 0
    for index in range(len(samples)) if names else _in_turn(samples):
        view = trees.tree_view(samples[index], index + 1, names.get(samples[index].contender, ""))
        html = template.render(tree=view)
        size += len(html.encode())
        if size > SAMPLE_BYTES:
            break
        fitting[index] = (view, Markup(html))  # noqa: S704  (a template's own output)
    return [fitting[index] for index in sorted(fitting)], max(document.attempts, len(samples)) - len(fitting)


def _in_turn(samples: Sequence[Sample]) -> list[int]:
    waiting: dict[tuple[str, str, str], list[int]] = {}
    for index, sample in enumerate(samples):
        waiting.setdefault((sample.split, sample.trajectory.strategy, sample.agent), []).append(index)
    order: list[int] = []
    turn = 0
    while len(order) < len(samples):
        order.extend(group[turn] for group in waiting.values() if turn < len(group))
        turn += 1
    return order
