import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolwise.catalog.categories import OTHER, categorise, known_categories
from toolwise.catalog.draft import Names, legal_name, path_name, slug, without_version
from toolwise.catalog.keywords import fits, fitting, json_value, usable_pattern
from toolwise.catalog.prose import operation_text, plain


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<p>Lists <code>buckets</code>.</p>", "Lists buckets."),
        ("<note> <p>Old.</p> </note> <p>Adds an object.</p>", "Adds an object."),
        ("<p>Name: <i>bucket</i>.s3</p> <p>Next</p>", "Name: bucket.s3 Next"),
        ("# Title\n\nSee [the *docs*](http://x.test/a) &amp; `code`, **now**.", "Title See the *docs* & code, now."),
        ("![logo](http://x.test/l.png) Hello", "Hello"),
        ("> Note it.\n> Twice.", "Note it. Twice."),
        ("if a < b and c > d", "if a < b and c > d"),
        ("1 &lt; 2", "1 < 2"),
        (None, ""),
        (7, ""),
    ],
)
def test_markup_comes_off(text: object, expected: str) -> None:
    assert plain(text, 200) == expected


@given(st.text(max_size=400), st.integers(5, 60))
def test_plain_text_is_one_short_line(text: str, limit: int) -> None:
    line = plain(text, limit)
    assert len(line) <= limit
    assert line == " ".join(line.split())


def test_an_operation_says_summary_then_description() -> None:
    assert operation_text("Get a pot", "Fetches it.") == "Get a pot. Fetches it."
    assert operation_text("Get a pot.", "Get a pot by id.") == "Get a pot by id."
    assert operation_text("Get a pot", None) == "Get a pot"
    assert operation_text(None, "Fetches it.") == "Fetches it."


def test_names() -> None:
    assert slug("Twilio - Api (v2)") == "twilio_api_v2"
    assert slug("日本語", "fallback") == "fallback"
    assert legal_name("X-Rate.Limit_1") == "X-Rate.Limit_1"
    assert legal_name("filter[name]") == "filter_name"
    assert path_name("GET", "/files/{file_id}/tags") == "get_files_by_file_id_tags"
    assert without_version("Box API v2.1 beta") == "Box API"
    names = Names()
    assert [names.give("a"), names.give("a"), names.give("a", ["b"]), names.give("a")] == ["a", "a_2", "b", "a_3"]


@given(st.lists(st.sampled_from(["a", "a_2", "a_3", "b"]), max_size=12))
def test_given_names_never_repeat(wanted: list[str]) -> None:
    names = Names()
    given_names = [names.give(name) for name in wanted]
    assert len(set(given_names)) == len(given_names)


@pytest.mark.parametrize(
    ("pattern", "usable"),
    [
        ("^[a-z]{1,63}$", "^[a-z]{1,63}$"),
        ("[a-z]{1,9999}", "[a-z]+"),
        ("\\S{0,200}", "\\S*"),
        (".{60}", ".{50,}"),
        ("([", None),
        ("[\\w-\\s]", None),
        ("a" * 5000, None),
    ],
)
def test_patterns_are_cheap_or_dropped(pattern: str, usable: str | None) -> None:
    assert usable_pattern(pattern) == usable


def test_values_fit_their_types() -> None:
    assert fits(1, "number")
    assert fits(2.0, "integer")
    assert not fits(True, "integer")
    assert fits(None, ["string", "null"])
    assert fitting(7, "string") == "7"
    assert fitting("x", "integer") is None
    assert json_value({"a": [1, "b"]}) == (True, {"a": [1, "b"]})
    assert json_value(float("nan")) == (False, None)
    assert json_value({1, 2}) == (False, None)


def test_categories_follow_the_words() -> None:
    assert categorise("gmail_v1", "Gmail API", "Reads and sends mail.") == "Email"
    assert categorise("aws_s3", "Amazon Simple Storage Service", "") == "Storage"
    assert categorise("x", "Frobnicator", "") == OTHER
    assert len(known_categories()) > 40
