"""One maker for each kind of string and number: a readable value from a seeded generator."""

from __future__ import annotations

import random
import re
import string
from collections.abc import Callable

from toolwise.text import identifier_words
from toolwise.values.pools import (
    ADJECTIVES,
    AWS_REGIONS,
    CLOUD_REGIONS,
    NOUNS,
    below,
    between,
    characters,
    pick,
    pool,
    words_of,
)

Rng = random.Random
_HEX = "0123456789abcdef"
_ALNUM = string.ascii_lowercase + string.digits
_DAYS = 28
_FILE_TYPES = ("pdf", "csv", "txt", "png", "jpg", "docx", "xlsx", "json", "zip", "mp4", "md", "html")
_FOLDERS = ("home", "data", "docs", "reports", "images", "backup", "shared", "archive", "projects", "exports", "media")
_LANGUAGES = words_of("en de fr es it pt nl pl sv da fi cs tr ja ko zh ar hi")
_MAIL_HOSTS = ("com", "org", "net", "io", "co")
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = words_of("January February March April May June July August September October November December")
_ARN_SERVICES = ("s3", "sqs", "sns", "iam", "lambda", "ec2", "rds", "kms")
_AREA_CODES = (212, 305, 312, 404, 415, 503, 512, 617, 702, 713, 801, 919)


def word(rng: Rng) -> str:
    """One lower-case word."""
    return pick(rng, NOUNS if rng.random() < 0.6 else ADJECTIVES)


def slug(rng: Rng) -> str:
    """A name as people give to things: `amber-falcon`, `ledger-42`, `quiet_harbor`."""
    shape = rng.random()
    noun = pick(rng, NOUNS)
    if shape < 0.25:
        return f"{noun}-{between(rng, 2, 999)}"
    joiner = "-" if shape < 0.9 else "_"
    return f"{pick(rng, ADJECTIVES)}{joiner}{noun}"


def _plain_slug(rng: Rng) -> str:
    return f"{pick(rng, ADJECTIVES)}-{pick(rng, NOUNS)}"


def title(rng: Rng) -> str:
    """A few capitalised words."""
    if rng.random() < 0.3:
        return str(pick(rng, pool("catch_phrase")))
    return f"{pick(rng, ADJECTIVES).capitalize()} {pick(rng, NOUNS)} {pick(rng, NOUNS)}"


def sentence(rng: Rng) -> str:
    """A short remark without final punctuation."""
    first, second = pick(rng, ADJECTIVES), pick(rng, NOUNS)
    shape = below(rng, 6)
    if shape == 0:
        return pick(rng, pool("bs")).capitalize()
    if shape == 1:
        return f"Please check the {first} {second}"
    if shape == 2:
        return f"Notes on the {first} {second}"
    if shape == 3:
        return f"For the {second} team in {pick(rng, pool('city'))}"
    if shape == 4:
        return f"{first.capitalize()} {second} for {pick(rng, pool('first_name'))}"
    return f"The {second} is {first} again"


def identifier(rng: Rng, name: str = "") -> str:
    """A short opaque id: digits, letters and digits, or with the noun as prefix (`vpc-3f9a01bc`)."""
    shape = rng.random()
    if shape < 0.35:
        return str(between(rng, 10_000, 99_999_999))
    stem = identifier_words(name)[:-1][-1:]
    if shape < 0.7 and stem and len(stem[0]) <= 8 and stem[0].isalpha():
        return f"{stem[0]}-{characters(rng, _HEX, 6)}"
    return characters(rng, string.ascii_lowercase, 1) + characters(rng, _ALNUM, between(rng, 5, 9))


def _uuid(rng: Rng) -> str:
    h = characters(rng, _HEX, 32)
    return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-{'89ab'[int(rng.random() * 4)]}{h[17:20]}-{h[20:]}"


def _date(rng: Rng) -> str:
    return f"{between(rng, 2021, 2027)}-{between(rng, 1, 12):02d}-{between(rng, 1, _DAYS):02d}"


def _clock(rng: Rng) -> str:
    return f"{below(rng, 24):02d}:{pick(rng, ('00', '15', '30', '45'))}:00"


def _ipv4(rng: Rng) -> str:
    first = pick(rng, ("10", "172", "192", "203", "198"))
    return f"{first}.{between(rng, 16, 31)}.{below(rng, 256)}.{between(rng, 1, 254)}"


def _domain(rng: Rng) -> str:
    return f"{pick(rng, pool('domain_word'))}.{pick(rng, _MAIL_HOSTS)}"


def _email(rng: Rng) -> str:
    first, last = pick(rng, pool("first_name")).lower(), pick(rng, pool("last_name")).lower()
    local = f"{first}.{last}" if rng.random() < 0.6 else f"{first[0]}{last}"
    return f"{local}@{_domain(rng)}"


def _username(rng: Rng) -> str:
    first, last = pick(rng, pool("first_name")).lower(), pick(rng, pool("last_name")).lower()
    return f"{first}{between(rng, 2, 99)}" if rng.random() < 0.4 else f"{first[0]}{last}"


_ARN_SERVICE = re.compile(r"arn:[^:]*(?:\[\^:\][^:]*)?:([a-z0-9-]+):")
_ARN_TYPE = re.compile(r"[:)]([a-z][a-z-]+)(/)|:([a-z][a-z-]+)(:)[\[(.]")


def arn_like(rng: Rng, pattern: str) -> str:
    """An ARN with the service and the type of resource that a pattern names, if it names them."""
    service = _ARN_SERVICE.search(pattern)
    rest = pattern[service.end() :] if service else ""
    kind = _ARN_TYPE.search(rest)
    name = service.group(1) if service else pick(rng, _ARN_SERVICES)
    joiner = kind.group(2) or kind.group(4) if kind else "/"
    what = kind.group(1) or kind.group(3) if kind else word(rng)
    return f"arn:aws:{name}:{pick(rng, AWS_REGIONS)}:{_account(rng)}:{what}{joiner}{_plain_slug(rng)}"


def _arn(rng: Rng) -> str:
    service = pick(rng, _ARN_SERVICES)
    return f"arn:aws:{service}:{pick(rng, AWS_REGIONS)}:{_account(rng)}:{word(rng)}/{word(rng)}"


def _account(rng: Rng) -> str:
    return str(between(rng, 100_000_000_000, 999_999_999_999))


def _path(rng: Rng) -> str:
    if rng.random() < 0.5:
        return f"/{pick(rng, _FOLDERS)}/{word(rng)}/{_file(rng)}"
    return f"/{pick(rng, _FOLDERS)}/{slug(rng)}"


def _file(rng: Rng) -> str:
    return f"{slug(rng)}.{pick(rng, _FILE_TYPES)}"


def _base64(rng: Rng) -> str:
    import base64

    return base64.b64encode(_plain_slug(rng).encode()).decode()


def _phone(rng: Rng) -> str:
    return f"+1{_AREA_CODES[below(rng, len(_AREA_CODES))]}{between(rng, 2_000_000, 9_999_999)}"


def _street(rng: Rng) -> str:
    return f"{between(rng, 1, 980)} {pick(rng, pool('street_name'))}"


def _full_name(rng: Rng) -> str:
    return f"{pick(rng, pool('first_name'))} {pick(rng, pool('last_name'))}"


def _version(rng: Rng) -> str:
    return f"{between(rng, 1, 9)}.{below(rng, 20)}.{below(rng, 10)}"


def _cron(rng: Rng) -> str:
    return f"{pick(rng, ('0', '15', '30', '45'))} {below(rng, 24)} * * {pick(rng, ('*', '1', '1-5', '0'))}"


def _luhn_card(rng: Rng) -> str:
    digits = [4, *(below(rng, 10) for _ in range(14))]
    doubled = (d if i % 2 else (2 * d - 9 if d > 4 else 2 * d) for i, d in enumerate(digits))
    return "".join(map(str, digits)) + str(-sum(doubled) % 10)


TEXT: dict[str, Callable[[Rng], str]] = {
    "slug": slug,
    "word": word,
    "title": title,
    "sentence": sentence,
    "query": lambda rng: f"{pick(rng, ADJECTIVES)} {pick(rng, NOUNS)}",
    "email": _email,
    "uuid": _uuid,
    "date": _date,
    "datetime": lambda rng: f"{_date(rng)}T{_clock(rng)}Z",
    "date_range": lambda rng: f"{_date(rng)}/{_date(rng)}",
    "time": _clock,
    "duration": lambda rng: f"PT{between(rng, 1, 90)}M",
    "seconds_duration": lambda rng: f"{between(rng, 1, 90) * 10}s",
    "timezone": lambda rng: pick(rng, pool("timezone")),
    "url": lambda rng: f"https://{_domain(rng)}/{word(rng)}",
    "hostname": lambda rng: f"{word(rng)}.{_domain(rng)}",
    "ipv4": _ipv4,
    "ipv6": lambda rng: f"2001:db8:{characters(rng, _HEX, 4)}::{between(rng, 1, 9999)}",
    "cidr": lambda rng: f"10.{below(rng, 256)}.{below(rng, 16) * 16}.0/{pick(rng, ('16', '20', '24', '28'))}",
    "mac": lambda rng: ":".join(characters(rng, _HEX, 2) for _ in range(6)),
    "phone": _phone,
    "city": lambda rng: pick(rng, pool("city")),
    "country": lambda rng: pick(rng, pool("country")),
    "country_code": lambda rng: pick(rng, pool("country_code")),
    "state": lambda rng: pick(rng, pool("state")),
    "street": _street,
    "street2": lambda rng: f"Suite {between(rng, 2, 950)}",
    "postcode": lambda rng: f"{between(rng, 10_001, 99_950)}",
    "first_name": lambda rng: pick(rng, pool("first_name")),
    "last_name": lambda rng: pick(rng, pool("last_name")),
    "full_name": _full_name,
    "username": _username,
    "company": lambda rng: pick(rng, pool("company")),
    "job": lambda rng: pick(rng, pool("job")),
    "secret": lambda rng: f"{pick(rng, NOUNS).capitalize()}{between(rng, 10, 9999)}!",
    "token": lambda rng: characters(rng, _ALNUM, 12),
    "hash": lambda rng: characters(rng, _HEX, 16),
    "language": lambda rng: pick(rng, _LANGUAGES),
    "currency": lambda rng: pick(rng, pool("currency_code")),
    "aws_region": lambda rng: pick(rng, AWS_REGIONS),
    "zone": lambda rng: pick(rng, CLOUD_REGIONS),
    "colour": lambda rng: pick(rng, pool("color_name")),
    "hex_colour": lambda rng: f"#{characters(rng, _HEX, 6)}",
    "hex": lambda rng: characters(rng, _HEX, 6),
    "file_name": _file,
    "path": _path,
    "mime": lambda rng: pick(rng, pool("mime_type")),
    "arn": _arn,
    "account": _account,
    "version": _version,
    "semver": _version,
    "cron": _cron,
    "sku": lambda rng: f"{characters(rng, string.ascii_uppercase, 3)}-{between(rng, 100, 9999)}",
    "isbn": lambda rng: f"978{between(rng, 1_000_000_000, 9_999_999_999)}",
    "iban": lambda rng: f"DE{between(rng, 10, 99)}{characters(rng, string.digits, 18)}",
    "card": _luhn_card,
    "currency_amount": lambda rng: f"{between(rng, 1, 999)}.{below(rng, 100):02d}",
    "decimal_text": lambda rng: f"{between(rng, 1, 999)}.{below(rng, 100):02d}",
    "integer_text": lambda rng: str(between(rng, 1, 9_999)),
    "base64": _base64,
    "user_agent": lambda rng: f"{pick(rng, NOUNS)}-client/{between(rng, 1, 9)}.{below(rng, 10)}",
    "field_mask": lambda rng: pick(rng, ("name", "description", "labels", "displayName")),
    "gender": lambda rng: pick(rng, ("female", "male", "other")),
    "month_name": lambda rng: pick(rng, _MONTHS),
    "weekday": lambda rng: pick(rng, _WEEKDAYS),
}
"""Kind of string -> its maker; `id` is made by `identifier`, which also looks at the name."""

RANGES: dict[str, tuple[float, float, int]] = {
    "latitude": (-80.0, 80.0, 4),
    "longitude": (-179.0, 179.0, 4),
    "percent": (1, 99, 0),
    "price": (1.0, 2000.0, 2),
    "age": (18, 90, 0),
    "year": (1990, 2027, 0),
    "month": (1, 12, 0),
    "day_number": (1, 28, 0),
    "hour": (0, 23, 0),
    "minute": (0, 59, 0),
    "port": (1024, 49151, 0),
    "count": (2, 200, 0),
    "page": (1, 40, 0),
    "seconds": (5, 7200, 0),
    "epoch": (1_600_000_000, 1_830_000_000, 0),
    "weight": (1.0, 500.0, 1),
    "score": (1, 10, 0),
    "id": (1_000, 9_999_999, 0),
    "number": (1, 1000, 0),
}
"""Kind of number -> lowest, highest, decimals (for type `number`)."""
