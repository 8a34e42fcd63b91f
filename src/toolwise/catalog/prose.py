"""Documentation as plain text: HTML and Markdown taken off, white space collapsed, length capped."""

from __future__ import annotations

import html
import re
from functools import lru_cache

TOOL_LIMIT = 1000
"""Characters of a tool's or a toolset's description."""
FIELD_LIMIT = 300
"""Characters of a parameter's or a property's description."""

_SLACK = 4
"""Markup is taken off this many times the wanted length of raw text, and no more."""
_ADMONITION = re.compile(r"\s*<(note|important|caution|warning)>.*?</\1>", re.DOTALL)
_TAG = re.compile(r"<[A-Za-z/!][^<>]*>")
_INLINE = tuple(f"<{slash}{tag}>" for tag in ("code", "i", "b", "em", "strong") for slash in ("", "/"))
"""These leave no space behind: `<i>bucket</i>.s3` is one word."""
_UNFINISHED_TAG = re.compile(r"<[A-Za-z/!][^<>]*\Z")
_IMAGE = re.compile(r"!\[[^\]]*\]\([^)]*\)")
_LINK = re.compile(r"\[([^\][]+)\](?:\([^()\s]*\)|\[[^\]]*\])")
_MARKS = re.compile(r"\*\*|__(?=\S)|(?<=\S)__|`+|^\s{0,3}#{1,6}\s+", re.MULTILINE)
_QUOTE = re.compile(r"^[ \t]*>[ \t]+", re.MULTILINE)
_TABLE_RULE = re.compile(r"\|?[\s:|-]*-{3,}[\s:|-]*")
_SPACE_BEFORE_STOP = re.compile(r" ([.,;:!?])(?= |$)")


def _without_admonitions(text: str) -> str:
    """Leading notes say who may not call a tool; what it does comes after them."""
    position = 0
    while match := _ADMONITION.match(text, position):
        position = match.end()
    rest = text[position:]
    return rest if rest.strip() else text


def _without_html(text: str, limit: int) -> str:
    if text.startswith("<p>") and text.find("<", 3) == len(text) - 4 and text.endswith("</p>"):
        return text[3:-4]  # more than half of AWS's texts
    head = text[:20]
    if "<note>" in head or "<important>" in head or "<caution>" in head or "<warning>" in head:
        text = _without_admonitions(text[: 4 * _SLACK * limit])
    text = text[: _SLACK * limit]
    for tag in _INLINE:
        text = text.replace(tag, "")
    text = _UNFINISHED_TAG.sub("", _TAG.sub(" ", text))
    return _SPACE_BEFORE_STOP.sub(r"\1", " ".join(text.split()))


def _without_markdown(text: str) -> str:
    if "](" in text or "][" in text:
        text = _LINK.sub(r"\1", _IMAGE.sub("", text))
    if "`" in text:
        text = text.replace("`", "")
    if "**" in text or "#" in text or "__" in text:
        text = _MARKS.sub("", text)
    if "> " in text:
        text = _QUOTE.sub("", text)
    if "---" in text:
        text = _TABLE_RULE.sub(" ", text)
    return text


@lru_cache(maxsize=1 << 14)
def _plain(text: str, limit: int) -> str:
    text = _without_html(text, limit) if "<" in text else text[: _SLACK * limit]
    if "&" in text:
        text = html.unescape(text)
    return cut(" ".join(_without_markdown(text).split()), limit)


def plain(text: object, limit: int) -> str:
    """One line of plain text of at most `limit` characters, cut at a word; empty for what is not a string.

    Results are remembered: versions of one API repeat each other's texts.
    """
    return _plain(text, limit) if isinstance(text, str) and text else ""


def cut(line: str, limit: int) -> str:
    """The line, cut at a word if it is longer than `limit` characters."""
    if len(line) <= limit:
        return line
    return line[: limit - 1].rsplit(" ", 1)[0].rstrip(" ,;:") + "…"


def operation_text(summary: object, description: object) -> str:
    """A tool's description: the summary, then the description unless it begins with the same words."""
    short, long = plain(summary, TOOL_LIMIT), plain(description, TOOL_LIMIT)
    if not short or long.casefold().startswith(short.casefold().rstrip(".")):
        return long
    if not long:
        return short
    stop = "" if short[-1] in ".!?…" else "."
    return cut(f"{short}{stop} {long}", TOOL_LIMIT)
