"""An instruction for a blueprint: plain, templated English from the tools' own documentation."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from toolwise.synthesis.wording.phrases import Phrase, singular
from toolwise.synthesis.wording.statements import Statement, capital, inline, introduced, sentences
from toolwise.synthesis.wording.verbs import SYNONYMS, canonical_verb
from toolwise.text import identifier_words

SYNONYM_SHARE = 0.4
_OPENERS = (
    ("{C}.", 26, False),
    ("Please {c}.", 18, False),
    ("Could you {c}?", 12, False),
    ("Can you {c}?", 8, False),
    ("I need to {c}.", 9, True),
    ("I'd like to {c}.", 8, True),
    ("I want to {c}.", 6, True),
    ("I need you to {c}.", 4, False),
    ("Would you please {c}?", 3, False),
    ("Help me {c}.", 3, True),
    ("I have to {c}.", 2, True),
    ("{C}, please.", 3, False),
    ("Hi, {c}.", 1, False),
    ("Hey, can you {c}?", 2, False),
    ("Go ahead and {c}.", 2, False),
    ("{C} for me.", 2, False),
    ("Can you help me {c}?", 2, True),
    ("We need to {c}.", 3, True),
    ("I'm trying to {c}.", 2, True),
    ("Let's {c}.", 2, True),
)
"""Sentence, weight, and whether the speaker is the one who acts (then `show me` would not fit)."""
_VIEWS = (
    "Show me {r}.",
    "Show me {r}.",
    "Can I see {r}?",
    "Let me see {r}.",
    "I'd like to see {r}.",
    "I want to look at {r}.",
    "Give me {r}.",
    "Pull up {r}, please.",
)
"""Instead of an opener, for what is only looked at: the object without its verb."""
_LOOKS = frozenset({"get", "list"})
"""Verbs, made canonical, of requests that only look."""
_VIEW_SHARE = 0.08
_SUBJECT_SHARE = 0.12
"""Of the values that tell by themselves which thing is meant: how many stand right after its noun."""
_SCENES = (
    "I'm tidying up our setup.",
    "We are getting ready for a release.",
    "I'm preparing a report for my team.",
    "I'm new to this project and still finding my way around.",
    "We had an incident this morning.",
    "I'm testing a new integration.",
    "A colleague asked me to take care of this.",
    "I'm migrating some of our work.",
    "We are reviewing our configuration.",
    "I'm writing a runbook and want to check a step.",
    "An audit is coming up.",
    "I'm helping a customer right now.",
)
_NEXT = ("Then {c}.", "After that, {c}.", "Next, {c}.", "Then {c}.", "Once that is done, {c}.")
_ALSO = (
    "Also, {c}.",
    "Also {c}.",
    "I also need you to {c}.",
    "Besides that, {c}.",
    "And please {c}.",
    "In addition, {c}.",
)
_ASK_INLINE = (
    " and tell me the {label}",
    " and tell me its {label}",
    " and report the {label}",
    " and give me the {label}",
    " and let me know the {label}",
)
_ASK = (
    "Tell me the {label}.",
    "What is the {label}?",
    "I need to know the {label}.",
    "Let me know the {label}.",
    "Report the {label} when you are done.",
    "I'd like to know the {label}.",
    "What's the resulting {label}?",
    "Give me the {label} afterwards.",
    "And what is the {label}?",
    "Can you tell me the {label}?",
)


@dataclass(frozen=True, slots=True)
class ReferencePart:
    """A value that comes from an earlier response."""

    label: str
    """The parameter's words."""
    field: str
    """The response field's name."""
    listed: bool
    """Is it inside a list, so that the first item is meant?"""
    noun: str
    """What the earlier call works on; may be empty."""
    previous: bool
    """Does it come from the call just before?"""


@dataclass(frozen=True, slots=True)
class ClauseParts:
    """What one call contributes to an instruction."""

    phrase: Phrase
    statements: tuple[Statement, ...]
    references: tuple[ReferencePart, ...] = ()
    service: str = ""
    """The toolset's title, where it is to be mentioned."""


def write_instruction(clauses: Sequence[ClauseParts], ask: Sequence[str], rng: random.Random) -> str:
    """The whole instruction. `ask`: labels of the facts to report from the last call's response."""
    written: list[str] = []
    if rng.random() < 0.12:
        written.append(rng.choice(_SCENES))
    for index, clause in enumerate(clauses):
        labels = ask if index == len(clauses) - 1 else ()
        written.extend(_clause(clause, index, labels, rng))
    text = " ".join(written)
    if rng.random() < 0.04:
        text += rng.choice((" Thanks!", " Thank you.", " Thanks in advance."))
    return text


def _clause(parts: ClauseParts, index: int, ask: Sequence[str], rng: random.Random) -> list[str]:
    statements = list(parts.statements)
    subject = next((each for each in statements if each.subject), None)
    if subject and rng.random() < _SUBJECT_SHARE:
        statements.remove(subject)
    else:
        subject = None
    before: list[str] = []
    cut = len(statements) if rng.random() < 0.55 else rng.randint(0, len(statements))
    cut = min(cut, 3)
    if statements and index == 0 and rng.random() < 0.08 and statements[0].flag is None:
        first = statements.pop(0)
        owner = "My" if first.place and rng.random() < 0.5 else "The"
        before.append(f"{owner} {first.label} {first.verb} {first.text}.")
    here, after = statements[:cut], statements[cut:]
    form, first_person = _form(index, parts, rng)
    core = parts.phrase.rest if "{r}" in form else parts.phrase.text(_verb(parts.phrase, first_person, rng))
    core += (introduced(subject, rng) if subject else "") + _service(parts)
    core += "".join(f" {_reference(reference, rng)}" for reference in parts.references)
    core += inline(here, rng)
    asked = [" and the ".join(ask)] if ask else []
    if asked and not after and not first_person and "?" not in form and rng.random() < 0.5 and "," not in form:
        label = asked.pop()
        forms = [each for each in _ASK_INLINE if " its " not in each or not {"of", "first"} & set(label.split())]
        core += rng.choice(forms).format(label=label)
    sentence = form.format(c=core, r=core, C=capital(core))
    tail = sentences(after, rng)
    return [*before, sentence, *tail, *(rng.choice(_ASK).format(label=label) for label in asked)]


def _form(index: int, parts: ClauseParts, rng: random.Random) -> tuple[str, bool]:
    """The sentence around a request, and whether the speaker is the one who acts."""
    if index == 0 and canonical_verb(parts.phrase.verb) in _LOOKS and rng.random() < _VIEW_SHARE:
        return rng.choice(_VIEWS), True
    if index == 0:
        form, _, first_person = rng.choices(_OPENERS, weights=[weight for _, weight, _ in _OPENERS])[0]
        return form, first_person
    return rng.choice(_NEXT if parts.references else (*_ALSO, *_NEXT[:3])), False


def _verb(phrase: Phrase, first_person: bool, rng: random.Random) -> str:
    if phrase.verb.endswith(",") or phrase.rest.lower().startswith(("or ", "and ")):
        return ""
    choices = SYNONYMS.get(phrase.verb, ())
    if not choices or rng.random() >= SYNONYM_SHARE:
        return ""
    verb = rng.choice(choices)
    return "" if (first_person and " me" in verb) or (phrase.adverb and " " in verb) else verb


def _service(parts: ClauseParts) -> str:
    return f" in {parts.service}" if parts.service else ""


def _reference(part: ReferencePart, rng: random.Random) -> str:
    """`with the id you got back`, `using the name of the first bucket as the bucket`."""
    field = " ".join(identifier_words(part.field))
    noun = part.noun or "result"
    if part.listed:
        source = rng.choice(
            (
                f"the {field} of the first {noun} found",
                f"the first {noun}'s {field}",
                f"the {field} of the first {noun} in that list",
            )
        )
    elif part.previous:
        source = rng.choice(
            (
                f"the {field} you get back",
                f"the {field} from that response",
                f"the resulting {field}",
                f"that {noun}'s {field}" if part.noun else f"that {field}",
            )
        )
    else:
        source = rng.choice((f"the {field} from the earlier {noun}", f"the {noun}'s {field} from before"))
    if field == part.label:
        return rng.choice((f"with {source}", f"using {source}"))
    return rng.choice(
        (
            f"using {source} as the {part.label}",
            f"with {source} as the {part.label}",
            f"with {part.label} set to {source}",
        )
    )


def head_noun(phrase_rest: str, fallback: Sequence[str] = ()) -> str:
    """What a request is about, in one or two words: the resource's noun where known."""
    if fallback:
        return " ".join([*fallback[:-1], singular(fallback[-1])])
    words = [word for word in phrase_rest.split() if word.isalpha()]
    return singular(words[-1]) if len(words) == 2 else ""
