"""What a value is about, by its name, its format and its description: an email, a city, a price, a region."""

from __future__ import annotations

import re
from functools import lru_cache

from toolwise.text import identifier_words

_BY_FORMAT = {
    "email": "email",
    "idn-email": "email",
    "uuid": "uuid",
    "guid": "uuid",
    "date": "date",
    "full-date": "date",
    "date-time": "datetime",
    "datetime": "datetime",
    "google-datetime": "datetime",
    "timestamp": "datetime",
    "time": "time",
    "duration": "duration",
    "google-duration": "seconds_duration",
    "uri": "url",
    "url": "url",
    "iri": "url",
    "uri-reference": "url",
    "hostname": "hostname",
    "idn-hostname": "hostname",
    "ipv4": "ipv4",
    "ip": "ipv4",
    "ipv6": "ipv6",
    "byte": "base64",
    "base64": "base64",
    "blob": "base64",
    "binary": "sentence",
    "password": "secret",
    "phone": "phone",
    "phone-number": "phone",
    "currency": "currency",
    "color": "hex_colour",
    "int64": "integer_text",
    "uint64": "integer_text",
    "int32": "integer_text",
    "decimal": "decimal_text",
    "google-fieldmask": "field_mask",
}

_BY_WORDS = """
email: email | e mail | email address | mail
uuid: uuid | guid
date: date | day | birthday | dob | birthdate | date of birth
datetime: datetime | timestamp | date time | start time | end time | created at | updated at | expires at | at
datetime: time stamp
date_range: date range
time: time | hour time
duration: duration | interval | ttl | timeout
timezone: timezone | time zone | tz
url: url | uri | link | href | website | webhook | callback | homepage | endpoint | self link
hostname: host | hostname | domain | domain name | fqdn | server | dns name
ipv4: ip | ip address | ipv4 | ipv4 address
ipv6: ipv6 | ipv6 address
cidr: cidr | cidr block | ip range | subnet range
mac: mac | mac address
phone: phone | phone number | mobile | msisdn | fax | telephone | tel | cell
city: city | town | locality
country: country | nation | country name
country_code: region code | country code | nationality | iso country | cc iso
state: state name | province | state province | state code | administrative area
street: address | street | street address | line1 | address line1 | address1 | address line 1 | house
street2: line2 | address line2 | address2 | address line 2
postcode: zip | zip code | zipcode | postal code | postcode | post code
first_name: first name | given name | firstname | forename
last_name: last name | surname | family name | lastname
full_name: full name | customer name | user full name | contact name | person | author | owner name | author name
full_name: recipient name | cardholder name | holder name | guest name | patient name
username: username | user name | login | handle | nickname | screen name | account name | user | owner | assignee
username: member | creator | sender
company: company | organization | organisation | company name | merchant | vendor | business name | employer
company: organization name | brand | manufacturer | legal name
job: job title | occupation | profession | position title | role name
secret: password | secret | passphrase | client secret | secret key
token: token | access token | api key | apikey | client token | auth token | refresh token | nonce | idempotency key
token: request id | session token
hash: hash | checksum | md5 | sha1 | sha256 | sha | digest | etag | fingerprint | commit sha | revision hash
language: language | lang | language code | locale | target language | source language | hl
currency: currency | currency code | currency iso
aws_region: aws region | source region | destination region | replica region | region | region name
zone: zone | availability zone | location | location id
colour: color | colour | color name
hex_colour: hex color | color hex | background color | text color
file_name: file name | filename | file | attachment | document name
path: path | directory | folder path | file path | dir | source path | destination path | prefix
mime: mime type | content type | media type | mimetype
arn: arn | role arn | resource arn
account: account id | aws account id | owner account
version: version | version number | release | api version | engine version | firmware version | software version
title: title | subject | headline | heading | summary | display name | caption | label text | friendly name
sentence: description | comment | message | text | body | note | notes | content | reason | details | bio | feedback
sentence: remarks | caption text | prompt | question | answer | explanation | memo | status message | error message
query: query | q | search | keyword | keywords | search term | term | search query | filter text
slug: slug | name | key name | identifier name | alias | bucket | project | group | namespace | table | database
slug: queue | topic | cluster | instance | model | repository | repo | dataset | stack | application | app | service
slug: resource | label | tag | category | group name | project id | template
cron: cron | schedule expression | cron expression | schedule
sku: sku | product code | item code | part number | model number
isbn: isbn
iban: iban
card: card number | pan
currency_amount: amount text
hex: hex | color code
user_agent: user agent
field_mask: update mask | field mask | fields mask | read mask
semver: semver
gender: gender | sex
month_name: month name
weekday: weekday | day of week
word: value | word | key | type | kind | code | status | state | field | tag value | attribute | property
latitude: lat | latitude
longitude: lng | lon | longitude | long
percent: percent | percentage | rate | ratio | threshold percent
price: price | amount | cost | total | subtotal | balance | fee | tax | budget | salary | revenue | value amount
price: unit price
age: age
year: year | yr
month: month
day_number: day | day of month
hour: hour
minute: minute | minutes
port: port
count: count | quantity | qty | number of | size | limit | max results | page size | per page | max | min
count: total count | length | capacity | top | take | first | n
page: page | page number | offset | skip | start index | start
seconds: seconds | ttl seconds | timeout seconds | timeout in seconds | expires in | duration seconds
epoch: epoch | unix time | created | updated | modified | unix timestamp
weight: weight | width | height | depth | radius | distance | length cm
score: score | rating | rank | priority | level | confidence | temperature
"""

_DESCRIBED: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), kind)
    for pattern, kind in (
        (r"\be-?mail address\b", "email"),
        (r"\bISO[- ]?4217\b|three-letter.{0,20}currency|currency code", "currency"),
        (r"\bISO[- ]?3166\b|two-letter.{0,20}country|country code", "country_code"),
        (r"\bISO[- ]?639\b|\bBCP[- ]?47\b|language code", "language"),
        (r"\bIANA\b.{0,20}time ?zone|time ?zone", "timezone"),
        (r"\bE\.?164\b|phone number", "phone"),
        (r"YYYY-MM-DD(?!T)", "date"),
        (r"\bRFC ?3339\b|\bISO[- ]?8601\b|YYYY-MM-DDT", "datetime"),
        (r"\bUUID\b|\bGUID\b", "uuid"),
        (r"\b(?:the|a|an) URL\b|^URL\b|\bURI\b", "url"),
        (r"\bIPv6\b", "ipv6"),
        (r"\bCIDR\b", "cidr"),
        (r"\bIPv4\b|\bIP address\b", "ipv4"),
        (r"\(ARN\)|\bAmazon Resource Name\b", "arn"),
        (r"\bhex(?:adecimal)? colou?r\b", "hex_colour"),
        (r"\bbase-?64\b", "base64"),
        (r"\bMIME type\b", "mime"),
        (r"\bcron\b", "cron"),
    )
)
_ID_WORDS = frozenset({"id", "identifier", "sid", "gid", "uid", "ids", "key", "number", "no", "ref", "reference"})
_ID_KINDS = frozenset({"uuid", "email", "arn", "phone"})
"""What an id may be besides an opaque one, if its description says so."""
_NUMBER_KINDS = frozenset(
    {
        "latitude", "longitude", "percent", "price", "age", "year", "month", "day_number", "hour", "minute", "port",
        "count", "page", "seconds", "epoch", "weight", "score",
    }
)  # fmt: skip


def _table(*, numbers: bool) -> dict[tuple[str, ...], str]:
    """Words of a name -> kind of string, or of number."""
    table: dict[tuple[str, ...], str] = {}
    for line in _BY_WORDS.strip().splitlines():
        kind, _, names = line.partition(":")
        for name in names.split("|") if (kind in _NUMBER_KINDS) is numbers else ():
            table[tuple(name.split())] = kind
    return table


_TEXTS, _NUMBERS = _table(numbers=False), _table(numbers=True)


@lru_cache(maxsize=65536)
def text_kind(name: str, format_: str, description: str) -> str:
    """The kind of a string: by format, by the description's plain statement, by the name, else `slug` or `id`."""
    if format_ in _BY_FORMAT:
        return _BY_FORMAT[format_]
    words = identifier_words(name)
    named = _named(words, numbers=False)
    if named is not None and named not in {"slug", "word", "time", "zone"}:
        return named
    opaque = bool(words) and words[-1] in _ID_WORDS
    for pattern, kind in _DESCRIBED:
        if (not opaque or kind in _ID_KINDS) and pattern.search(description):
            return kind
    return "id" if opaque else named or "slug"


@lru_cache(maxsize=65536)
def number_kind(name: str, format_: str, description: str) -> str:
    """The kind of a number, else `id` or `number`."""
    words = identifier_words(name)
    named = _named(words, numbers=True)
    if named is not None:
        return named
    if words and words[-1] in _ID_WORDS:
        return "id"
    if any(word in {"millis", "milliseconds", "ms"} for word in words):
        return "epoch" if "at" in words else "seconds"
    return "epoch" if "epoch" in description.lower() else "number"


def _named(words: tuple[str, ...], *, numbers: bool) -> str | None:
    """Look the name's last three, two or one words up."""
    table = _NUMBERS if numbers else _TEXTS
    return next((table[words[-size:]] for size in (3, 2, 1) if len(words) >= size and words[-size:] in table), None)
