"""From a tool's documentation to what a person would ask for: a verb and its object."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from toolwise.synthesis.wording.lexicon import word_set
from toolwise.synthesis.wording.verbs import ADVERBS, VERBS, base_form, canonical_verb, third_person
from toolwise.text import first_sentence, identifier_words
from toolwise.types import Tool

MAX_WORDS = 18
"""A longer object is cut at a clause, or the name's own words are used instead."""

_TOKEN = re.compile(r"[A-Za-z0-9]+")
_TAG = re.compile(r"<[^>]*>")
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)|\[([^\]]*)\]\[[^\]]*\]")
_BRACKETS = re.compile(r"\s*\([^()]*\)|\[[^\]]*\]|\{[^}]*\}")
_QUOTES = re.compile(r"[`*\"“”‘]|(?<!\w)'|'(?!\w)")
_PREFIX = re.compile(
    r"^(?:"
    r"(?:deprecated|beta|preview|experimental|note|warning|important|internal|lro|rpc|async)\s*[:!.]\s*"
    r"|(?:this|the)\s+(?:\w+\s+)?(?:api|operation|action|method|call|endpoint|function|tool|rpc|request|command|resource)"
    r"(?:\s+operation|\s+action)?\s+(?:is used to|is used for|can be used to|will|allows (?:you|users?|customers) to|"
    r"lets you|enables you to)?\s*"
    r"|(?:you\s+(?:can\s+)?)?use\s+(?:this|the)\s+(?:\w+\s+)?(?:api|operation|action|method|call|endpoint|command)"
    r"(?:\s+operation)?\s+(?:to|for)\s+"
    r"|(?:is\s+)?(?:used?|allows (?:you|users?|customers|the caller)|allow (?:you|users?)|lets you|enables you)\s+to\s+"
    r"|(?:service\s+producers|clients|callers|administrators|customers|users|you)\s+can\s+use\s+this\s+(?:method|api)\s+to\s+"
    r"|(?:retrieves|returns|provides|gets) the ability to\s+"
    r")",
    re.IGNORECASE,
)
_CUT = re.compile(
    r"\.(?=[A-Z][a-z])|,?\s+and returns?\b|,\s+returns?\b|"
    r"\s*[;:—–]\s|\s+-\s|,\s+(?:which|where|including|such as|and returns?|returning|and its|if|when|"
    r"or by|as well as|for example|but|so|optionally|then|along with|excluding|identified by|given|allowing|"
    r"showing|representing|enabling|making|possibly)\b"
    r"|\s+(?:e\.g|i\.e|see|so that|because|unless|if it|if they|whether or not|when you|before you|after you)\b",
    re.IGNORECASE,
)
_SOFT_CUT = re.compile(r"\s+(?:that|which|when|if|while|by|using|based|whose|so|during|until|after|before)\s|,\s", re.I)
_DROPPED = re.compile(
    r"\s*\b(?:(?:with|using|based on|according to) the (?:data|parameters?|input|information|values?|settings)"
    r"(?: (?:that (?:is|are) )?(?:included|specified|provided|passed|supplied))? in the (?:request|body)"
    r"(?: body| message)?|"
    r"(?:specified |provided )?(?:in|from|by|with|of) the (?:request|input|request body|request message|path|uri|url)"
    r"(?: parameters?)?|(?:by|with|from|using) (?:the |its |their )?(?:specified |given |provided )?"
    r"(?:parameters|arguments|input|filters?|criteria)|"
    r"based on the (?:input|parameters|arguments)(?: parameters)?|by (?:its|their) (?:\w+ )?(?:names?|ids?)|"
    r",?(?:that (?:is|are) )?specified by (?:the|its|their|an?) [\w ]{2,60}|with the (?:name|id)|"
    r"(?:as |that (?:is|are) )?identified by (?:the|its|their|an?) [\w ]{2,40}|"
    r"given (?:the|its|their|an?) [\w ]{2,40}|"
    r"with (?:the |an? )?(?:new|updated|given|specified|provided|following) (?:values?|data|fields|content)|"
    r"(?:that (?:was|were|is|are|has been|have been) )?(?:previously )?(?:created|initiated|started|returned) "
    r"(?:using|with|by|from) (?:the |a )?[A-Z]\w+(?: (?:operation|action|api))?)\s*$",
    re.IGNORECASE,
)
_SPECIFIED = re.compile(
    r"(?<![-\w])(?:(the|an?|this|my|your)\s+)?(?:specified|given|provided|supplied|requested|particular|specific|single|"
    r"individual|indicated)(?:\s+(?:single|specific|existing))?"
    r"\s+(?!(?:for|in|by|with|to|of|as|from|on|at|when|the|an?|its|their)\b)(?=\w)",
    re.I,
)
_BARE_FIRST = word_set("""
    a an the all any my your it its this that these those one some for to in on up out multiple several various each
    information access data support media code whether if how what which when where and or about from with
""")
"""Words after which no article is missing."""
_EMPTY = re.compile(r"(?:an? |the )?(?:empty|no response|success|true\b|ok\b|http)", re.I)
_LIST_OF = re.compile(
    r"^(?:an? |the |my )?(?:(?:paginated|complete|full|filtered|sorted|detailed|paged) )?(?:list|listing|"
    r"collection|set|array)s? (?:of|containing|with) (?:all (?:of )?)?",
    re.I,
)
_SECOND_PERSON = (
    (re.compile(r"\b(for|to|with|by|from|of|gives?|lets?|shared with|belong(?:s|ing)? to) you\b", re.I), r"\1 me"),
    (re.compile(r"\byou are\b", re.I), "I am"),
    (re.compile(r"\byou've\b", re.I), "I have"),
    (re.compile(r"\byou\b", re.I), "I"),
    (re.compile(r"\byourself\b", re.I), "myself"),
    (re.compile(r"\byours\b", re.I), "mine"),
    (re.compile(r"\byour\b", re.I), "my"),
    (re.compile(r"\b(?:a|the) caller has\b", re.I), "I have"),
    (re.compile(r"\bowned by the caller(?: account)?\b|\bowned by the calling account\b", re.I), "that I own"),
    (re.compile(r"\bthe calling (account|user|project)\b", re.I), r"my \1"),
)
_AN = re.compile(r"\b(a|an) (?=(\w))", re.I)
_STOP = word_set("""
    a an the of for in on to from by with and or this that these those its my your all any some given specified
    single existing new resource resources information about details detail data current latest state list lists
    associated one more set collection specific particular provided method api operation request based within at
    as is are be which i me
""")

_VERB_AND_OBJECT = re.compile(
    r"((?:^|\b(?:and|or|then)\s+|,\s+))([a-z]+s)(?=\s+(?:an?|the|any|one|all|my|your|it|them|its|their)\b)"
)
_SURE = word_set("""
    adds applies assigns associates begins cancels creates deletes deregisters describes disables enables generates gets
    initiates modifies performs provides registers removes replaces resets retrieves revokes sends starts stops writes
    allows checks installs launches makes
""")
"""Third persons that are never nouns."""
_VERB_FIRST = re.compile(r"^((?:or|and)\s+)([a-z]+s)\b")
_VERB_SURELY = re.compile(r"((?:\b(?:and|or|then)\s+|,\s+))([a-z]+s)\b")
_VERB_IN_SERIES = re.compile(r"((?:^|\b(?:and|or|then)\s+|,\s+))([a-z]+s)(?=,?\s+(?:or|and)\b)")
_NOUNS = word_set("""
    tags labels logs reports records requests filters files groups links lists locks queries schedules views backups
    calls comments contacts documents images indexes issues items joins matches notes orders permits posts prices
    quotes ranks records rules schedules scores searches shares snapshots stages stars states streams tests tracks
    transfers transforms updates uploads uses users values versions votes waits watches
""")
"""Plural nouns that look like verbs, and are not turned into imperatives."""
_NOUN_FIRST = word_set("""
    index batch record report file order state stage rate task label group score log map lock process service view
    request schedule test quote filter stream access model host target
""")
"""Words that begin a description as a verb only if an article or the like follows."""
_DETERMINED = re.compile(r"(?:an?|the|all|any|one|your|my|this|that|multiple|up|to|for|of|new|some)\b", re.I)


@dataclass(frozen=True, slots=True)
class Phrase:
    """What a tool does, as a request: `delete` + `the instance`."""

    verb: str
    """Base form."""
    rest: str
    """The object and what follows it; may be empty."""
    adverb: str = ""

    @property
    def words(self) -> frozenset[str]:
        """The meaning-bearing words, verbs made canonical and nouns singular."""
        return meaning_words(f"{self.verb} {self.rest}")

    def text(self, verb: str = "") -> str:
        """The phrase with its own verb or another one."""
        return " ".join(part for part in (self.adverb, verb or self.verb, self.rest) if part)


def singular(word: str) -> str:
    """A noun's singular, by its ending: `policies` -> `policy`."""
    if len(word) <= 3 or not word.endswith("s") or word.endswith(("ss", "us", "is", "ics")):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes", "zes")):
        return word[:-2]
    return word[:-1]


def plural(word: str) -> str:
    """A noun's plural, by its ending."""
    if word.endswith("s"):
        return word
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(("x", "ch", "sh", "z")) else "s")


def meaning_words(text: str) -> frozenset[str]:
    """The set of meaning-bearing words of a text: canonical verbs, singular nouns, no stop words."""
    return frozenset(word for token in _TOKEN.findall(text) for word in _meanings(token))


@lru_cache(maxsize=65536)
def _meanings(token: str) -> tuple[str, ...]:
    words = (canonical_verb(third_person(word) or singular(word)) for word in identifier_words(token))
    return tuple(word for word in words if word not in _STOP)


def article(noun: str) -> str:
    """`a` or `an`, by the first letter."""
    return (
        "an" if noun[:1].lower() in "aeiou" and not noun.lower().startswith(("us", "uni", "eu", "one", "ur")) else "a"
    )


def task_phrase(tool: Tool) -> Phrase | None:
    """The request that a tool serves, from its description's first sentence, else from its name; none if neither has
    a verb.

    Only the first sentence is used because candidates are shown with no more than that.
    """
    return described_phrase(tool.description, tool.name) or named_phrase(tool.name)


def described_phrase(description: str, name: str) -> Phrase | None:
    """The request in a description's first sentence; none if it does not begin with a known verb."""
    sentence = clean(first_sentence(description))
    stripped = _PREFIX.sub("", sentence, count=1)
    words = stripped.split()
    adverb = ""
    if len(words) > 2 and words[0].lower().rstrip(",") in ADVERBS:
        adverb = words.pop(0).lower()
    if not words:
        return None
    verb = base_form(words[0].rstrip(","))
    if verb is None or (words[0].endswith(",") and len(words) < 3):
        return None
    head = words[0]
    rest = " ".join(words[1:])
    if head.lower() in _NOUN_FIRST and not _DETERMINED.match(rest):
        return None
    if head.endswith(","):  # "Creates, updates, or removes X": the enumeration stays whole
        verb = f"{verb},"
        rest = re.sub(r"((?:^|\b(?:and|or)\s+|,\s+))([a-z]+s)(?=,|\s+\w)", _agree_surely, rest)
    if words[0].lower().endswith("ing") and not stripped.lower().startswith(verb):
        return None
    return _polish(Phrase(verb, _object(rest, name), adverb))


def _polish(phrase: Phrase) -> Phrase | None:
    verb, rest, adverb = phrase.verb, phrase.rest, phrase.adverb
    if not rest or len(rest.split()) > MAX_WORDS + 4 or not re.match(r"[\w\"'$]", rest):
        return None
    if verb in {"return", "provide", "give", "display", "retrieve", "get", "fetch", "obtain", "show", "produce"}:
        listed = _LIST_OF.sub("", rest)
        if listed != rest and listed:
            return Phrase("list", listed, adverb)
        if verb in {"provide", "return", "give", "produce"}:
            verb = "get"
    if verb == "represent" or _EMPTY.match(rest):
        return None
    if verb == "perform":
        verb = "run"
    rest = _with_article(verb, rest)
    return Phrase(verb, rest, adverb)


def _with_article(verb: str, rest: str) -> str:
    """`webhook` -> `the webhook`: short summaries leave the article out."""
    words = rest.split()
    if len(words) > 2 or not all(word.isalpha() and word.islower() for word in words):
        return rest
    if words[-1].endswith("s") or words[0] in _BARE_FIRST or singular(words[0]) != words[0]:
        return rest
    return f"{article(rest) if canonical_verb(verb) == 'create' else 'the'} {rest}"


def clean(text: str) -> str:
    """Prose on one line without tags, links, code marks and brackets."""
    text = _TAG.sub(" ", text)
    text = _LINK.sub(lambda m: m.group(1) or m.group(2) or "", text)
    text = _QUOTES.sub("", _BRACKETS.sub("", text))
    return re.sub(r"\s+([,.])", r"\1", re.sub(r"\s+", " ", text)).strip(" .")


def _object(rest: str, name: str) -> str:
    rest = _shorten(rest)
    rest = _plain_words(rest.split(), name)
    rest = _imperatives(rest)
    rest = _DROPPED.sub("", rest)
    rest = re.sub(r"\s+(?:as |that (?:is|are) )?(?:specified|identified|given)$", "", rest)
    rest = _SPECIFIED.sub(lambda m: f"{m.group(1) or 'the'} ", rest)
    for pattern, instead in _SECOND_PERSON:
        rest = pattern.sub(instead, rest)
    rest = re.sub(r"\b(the|a|an) (?:the|a|an|my)\b", r"\1", rest, flags=re.I)
    rest = _AN.sub(lambda m: f"{_article_as(m.group(1), rest[m.end() :])} ", rest)
    return rest.strip(" ,.-")


def _article_as(old: str, following: str) -> str:
    """`an` before what was `a specified ...`, where its letter asks for it; acronyms are left as they were."""
    word = following.split(" ", 1)[0]
    if word[:2].isupper() or len(word) < 2:
        return old
    new = article(word)
    return new.capitalize() if old[0].isupper() else new


def _shorten(rest: str) -> str:
    opened = rest.find("(")
    if opened > 0:  # a bracket that the first sentence's limit cut open
        rest = rest[:opened].rstrip()
    cut = _CUT.search(rest)
    if cut and cut.start() > 2:
        rest = rest[: cut.start()]
    words = rest.split()
    if len(words) <= MAX_WORDS:
        return rest
    limit = len(" ".join(words[:MAX_WORDS]))
    cuts = [match.start() for match in _SOFT_CUT.finditer(rest) if 12 < match.start() <= limit]
    return rest[: cuts[-1]] if cuts else rest


def _plain_words(words: list[str], name: str) -> str:
    """The words made plain, but for one that stands beside a capitalised word that is not (`Merchant Center`)."""
    plain = [_plain_word(word, name) for word in words]
    kept = []
    for index, word in enumerate(words):
        beside = [i for i in (index - 1, index + 1) if 0 <= i < len(words) and words[i][:1].isupper()]
        brand = " " not in plain[index] and any(words[i] == plain[i] for i in beside)
        kept.append(word if brand else plain[index])
    return " ".join(kept)


def _plain_word(word: str, name: str) -> str:
    """`AnalyzedSession` -> `analyzed session` where the tool's own name has these words; brands stay whole."""
    core = word.strip(",.")
    if re.fullmatch(r"[a-z]+(?:_[a-z]+)+", core):
        return word.replace("_", " ")
    pieces = identifier_words(core)
    if not pieces or not core.isalpha() or core.isupper() or core.islower():
        return word
    known = {singular(piece) for piece in identifier_words(name)}
    if all(singular(piece) in known for piece in pieces):
        return word.replace(core, " ".join(pieces))
    return word


def _imperatives(rest: str) -> str:
    """`or updates X`, `and starts X` -> base forms, to agree with the imperative in front."""

    rest = _VERB_FIRST.sub(_agree_surely, rest)
    rest = _VERB_AND_OBJECT.sub(_agree_surely, rest)
    rest = _VERB_SURELY.sub(lambda m: _agree_surely(m) if m.group(2) in _SURE else m.group(0), rest)
    return _VERB_IN_SERIES.sub(_agree, rest)


def _agree_surely(match: re.Match[str]) -> str:
    base = third_person(match.group(2))
    return f"{match.group(1)}{base}" if base else match.group(0)


def _agree(match: re.Match[str]) -> str:
    base = None if match.group(2) in _NOUNS else third_person(match.group(2))
    return f"{match.group(1)}{base}" if base else match.group(0)


def named_phrase(name: str) -> Phrase | None:
    """A request from the words of a tool's name: `tools.versions.delete` -> delete + a version of a tool."""
    segments = [part for part in re.split(r"[./:]", name) if part and not re.fullmatch(r"v\d\w*", part)]
    if not segments:
        return None
    words = list(identifier_words(segments[-1]))
    if not words:
        return None
    if words[0] in VERBS:
        verb, nouns = words[0], words[1:]
    elif words[-1] in VERBS and len(words) > 1:
        verb, nouns = words[-1], words[:-1]
    else:
        return None
    parents = [p for p in segments[:-1] if p not in {"projects", "locations", "organizations", "folders"}] or segments[
        :-1
    ]
    nouns = nouns or (list(identifier_words(parents[-1])) if parents else [])
    owner = list(identifier_words(parents[-2])) if len(parents) > 1 and len(words) == 1 else []
    if not nouns or len(" ".join(nouns)) < 3:
        return None
    if canonical_verb(verb) == "list":
        rest = f"the {' '.join([*nouns[:-1], plural(nouns[-1])])}"
    else:
        noun = " ".join([*nouns[:-1], singular(nouns[-1]) if len(words) == 1 else nouns[-1]])
        rest = (
            noun if noun.endswith("s") else f"{article(noun) if verb in {'create', 'add', 'insert'} else 'the'} {noun}"
        )
    if owner:
        noun = " ".join([*owner[:-1], singular(owner[-1])])
        rest += f" of {article(noun)} {noun}"
    return Phrase(verb, rest)
