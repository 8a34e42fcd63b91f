from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolwise.synthesis.specs import described_label
from toolwise.synthesis.wording.phrases import described_phrase, meaning_words, named_phrase, plural, singular
from toolwise.synthesis.wording.verbs import VERBS, base_form


@pytest.mark.parametrize(
    ("description", "name", "expected"),
    [
        ("Deletes the specified instance.", "x", "delete the instance"),
        ("Returns a list of all the open tickets.", "x", "list the open tickets"),
        ("Gets information about a single <b>backup</b>.", "x", "get information about a backup"),
        ("Permanently deletes a specified archive. It is gone then.", "x", "permanently delete an archive"),
        ("Creates or updates the policy.", "x", "create or update the policy"),
        ("Remove webhook", "x", "remove the webhook"),
        ("Create shared link", "x", "create a shared link"),
        ("Use to check a device.", "x", "check a device"),
        ("Adds or updates tags for a domain.", "x", "add or update tags for a domain"),
        ("Lists rules and returns them in order.", "x", "list rules"),
        ("Creates, updates, or removes labels.", "x", "create, update, or remove labels"),
        ("This operation clones an existing backend.", "x", "clone an existing backend"),
        ("Use this method to list profiles in your account.", "x", "list profiles in my account"),
        ("Updates a NodeGroup, which is a group of nodes.", "nodeGroups.patch", "update a node group"),
        ("Lists `Dashboard`s: only yours.", "dashboards.list", "list Dashboards"),
        ("Gets the plan for you (see https://example.org).", "x", "get the plan for me"),
        ("Retrieves the thing with the data included in the request.", "x", "retrieve the thing"),
    ],
)
def test_a_description_becomes_a_request(description: str, name: str, expected: str) -> None:
    phrase = described_phrase(description, name)
    assert phrase is not None
    assert phrase.text().lower() == expected.lower()


@pytest.mark.parametrize(
    "description", ["", "The name of the disk.", "Index inspection.", "A convenience method.", "***"]
)
def test_a_description_without_a_verb_gives_nothing(description: str) -> None:
    assert described_phrase(description, "x") is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("DeletePaymentManager", "delete the payment manager"),
        ("agents.tools.versions.delete", "delete the version of a tool"),
        ("projects.locations.agent.entityTypes.list", "list the entity types of an agent"),
        ("create_order", "create an order"),
    ],
)
def test_a_name_becomes_a_request(name: str, expected: str) -> None:
    phrase = named_phrase(name)
    assert phrase is not None
    assert phrase.text() == expected


@given(st.text(max_size=200), st.text(max_size=40))
def test_any_text_is_survived(description: str, name: str) -> None:
    phrase = described_phrase(description, name) or named_phrase(name)
    assert phrase is None or (phrase.verb and phrase.rest)
    assert "\n" not in described_label(description, name)


@given(st.sampled_from(sorted(VERBS)))
def test_third_person_is_undone(verb: str) -> None:
    third = verb[:-1] + "ies" if verb.endswith("y") and verb[-2] not in "aeiou" else verb + "s"
    third = verb + "es" if verb.endswith(("s", "x", "ch", "sh", "zz", "o")) else third
    assert base_form(third) is not None
    assert base_form(verb) == verb


@given(st.sampled_from(["policy", "bucket", "box", "class", "key", "address", "index", "backup", "status"]))
def test_plural_and_singular(noun: str) -> None:
    assert singular(noun) == noun
    if not noun.endswith("s"):
        assert singular(plural(noun)) == noun


def test_meaning_ignores_verbs_of_one_sense_and_filler() -> None:
    assert meaning_words("Gets information about a Dataset") == meaning_words("Retrieve the specified datasets")
    assert meaning_words("Deletes a dataset") != meaning_words("Gets a dataset")


def test_a_parameter_is_named_by_its_description() -> None:
    assert (
        described_label("Required. The ID of the backend environment to use.", "backendId")
        == "ID of the backend environment"
    )
    assert described_label("Whether to wait.", "wait") == ""
    assert described_label("The colour of money that nobody has ever seen.", "zone") == ""
