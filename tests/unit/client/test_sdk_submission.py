"""What a user may pass as proofs and options, and how the SDK says what is wrong with it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from farm.client.submission import OptionFields, prepare
from farm.errors import InvalidRequest
from farm.models import Level, Options, Proof

PROOF = "example : True := trivial"


@pytest.mark.parametrize("nothing", [[], (), iter(())])
async def test_nothing_to_verify_is_refused(nothing: Any) -> None:
    with pytest.raises(InvalidRequest, match="nothing to verify"):
        prepare(nothing, {})


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("", r"Proof 1: code: String should have at least 1 character"),
        ({"kode": PROOF}, r"Proof 1: code: Field required; kode: Extra inputs are not permitted"),
        ({"code": PROOF, "statement": "1 = 1"}, r"Proof 1: statement: .*theorem NAME BINDERS"),
        ("a\x00b", r"Proof 1: code: .*NUL"),
        ("\ud800", r"Proof 1: code: "),
        (5, r"Proof 1: Input should be a valid dictionary"),
    ],
)
def test_the_proof_that_is_wrong_is_named(wrong: Any, says: str) -> None:
    with pytest.raises(InvalidRequest, match=says):
        prepare([PROOF, wrong], {})


def test_the_source_of_a_wrong_proof_is_not_repeated() -> None:
    with pytest.raises(InvalidRequest) as caught:
        prepare({"code": "secret\x00"}, {})
    assert "secret" not in f"{caught.value}{caught.value.details}"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"priority": 10}, "Options: priority: "),
        ({"timeout_s": -1}, "Options: timeout_s: "),
        ({"level": "certain"}, "Options: level: "),
        ({"timout_s": 3}, "Options: timout_s: Extra inputs are not permitted"),
    ],
)
def test_the_option_that_is_wrong_is_named(options: Any, says: str) -> None:
    with pytest.raises(InvalidRequest, match=says):
        prepare(PROOF, options)


def test_only_what_was_given_is_sent() -> None:
    assert prepare(PROOF, {"timeout_s": None}).as_json() == b'{"proofs":[{"code":"example : True := trivial"}]}'
    body = json.loads(prepare([PROOF], {"cache": True, "level": Level.CHECKED}).as_json())  # type: ignore[typeddict-item]
    assert body == {"proofs": [{"code": PROOF}], "cache": True, "level": "checked"}


def test_every_option_of_the_farm_is_a_keyword() -> None:
    assert OptionFields.__annotations__.keys() == Options.model_fields.keys()


def test_texts_of_brackets_are_sent_as_lines() -> None:
    # A model that repeats itself may write such texts; as one JSON value, the farm would refuse them all.
    assert prepare([Proof(code="{[" * 100_000)] * 9, {}).fits_json
    assert not prepare([Proof(code="{[" * 100_000)] * 10, {}).fits_json


def test_a_thousand_proofs_fit_one_answer_and_one_more_does_not() -> None:
    assert prepare([Proof(code=PROOF)] * 1000, {}).fits_one_answer
    assert not prepare([Proof(code=PROOF)] * 1001, {}).fits_one_answer
