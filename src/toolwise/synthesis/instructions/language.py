"""Is a text written in the wanted language? Scripts tell most of them apart, common words the others."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping

_COMMON: Mapping[str, frozenset[str]] = {
    "en": frozenset("the and to of for is with my that please you are this what can have me it on".split()),
    "de": frozenset("der die das und ist mit für ich nicht bitte ein eine den dem zu auf wir sie mir".split()),
    "fr": frozenset("le la les et est avec pour je ne pas une des du dans vous moi mon que sur".split()),
    "es": frozenset("el la los las y es con para por favor que una mi del en quiero me se cuál".split()),
    "it": frozenset("il la gli e è con per che una mi del della nel vorrei sono non questo di le".split()),
    "pt": frozenset("o a os as e é com para por favor que uma meu minha do da não quero em".split()),
    "nl": frozenset("de het een en is met voor ik niet van op dat mijn wat graag kun je naar bij".split()),
}
"""Language -> words that hardly any sentence of it lacks."""
_SCRIPTS: Mapping[str, frozenset[str]] = {
    "ru": frozenset({"CYRILLIC"}),
    "uk": frozenset({"CYRILLIC"}),
    "el": frozenset({"GREEK"}),
    "ar": frozenset({"ARABIC"}),
    "he": frozenset({"HEBREW"}),
    "hi": frozenset({"DEVANAGARI"}),
    "th": frozenset({"THAI"}),
    "ko": frozenset({"HANGUL"}),
    "ja": frozenset({"HIRAGANA", "KATAKANA", "CJK"}),
    "zh": frozenset({"CJK"}),
}
LANGUAGES: Mapping[str, str] = {
    "ar": "Arabic",
    "de": "German",
    "el": "Greek",
    "en": "English",
    "es": "Spanish",
    "fr": "French",
    "he": "Hebrew",
    "hi": "Hindi",
    "it": "Italian",
    "ja": "Japanese",
    "ko": "Korean",
    "nl": "Dutch",
    "pt": "Portuguese",
    "ru": "Russian",
    "th": "Thai",
    "uk": "Ukrainian",
    "zh": "Chinese",
}
_QUOTED = re.compile(r"\"[^\"]*\"|“[^”]*”|`[^`]*`")
_WORDS = re.compile(r"[^\W\d_]+")
_LATIN_SHARE = 0.5
_OWN_SHARE = 0.3
"""Names and values are often Latin in a text of another script."""


def is_language(text: str, language: str) -> bool:
    """Does the text look like this language (a key of LANGUAGES)? Quoted values do not count.

    A Latin-script language must have at least as many of its common words as any other has of its own, and one of
    them if the text has ten words. Languages that share a script and are not in the table are not told apart.
    """
    plain = _QUOTED.sub(" ", text)
    scripts = _scripts(plain)
    letters = scripts.total()
    if not letters:
        return False
    if language in _SCRIPTS:
        own = sum(scripts[script] for script in _SCRIPTS[language])
        others = sum(count for script, count in scripts.items() if script not in _SCRIPTS[language] | {"LATIN"})
        return own >= _OWN_SHARE * letters and own > others
    if scripts["LATIN"] < _LATIN_SHARE * letters:
        return False
    words = [word.lower() for word in _WORDS.findall(plain)]
    found = {name: sum(word in common for word in words) for name, common in _COMMON.items()}
    mine = found[language]
    return mine >= max(found.values()) and (mine > 0 or len(words) < 10)


def _scripts(text: str) -> Counter[str]:
    names = (unicodedata.name(char, "UNKNOWN").split()[0].split("-")[0] for char in text if char.isalpha())
    return Counter(names)
