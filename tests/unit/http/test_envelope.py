"""From marshmallow's nested messages to dotted paths, and from a problem to its words."""

import pytest

from app.http.errors import (
    CODES,
    MESSAGES,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    PayloadTooLarge,
    Problem,
    Unauthorized,
    flatten,
)


@pytest.mark.parametrize(
    ("messages", "flat"),
    [
        ({"name": ["Bad."]}, {"name": ["Bad."]}),
        (
            {"lines": {0: {"name": ["Bad."]}, 2: {"taxes": {1: ["Worse."]}}}},
            {"lines.0.name": ["Bad."], "lines.2.taxes.1": ["Worse."]},
        ),
        ({"_schema": ["Bad."]}, {"_schema": ["Bad."]}),
        ({"lines": {0: {"_schema": ["Bad."]}}}, {"lines.0": ["Bad."]}),
        ({"lines": {"_schema": ["Bad."], 0: ["Worse."]}}, {"lines": ["Bad."], "lines.0": ["Worse."]}),
        (["Bad."], {"_schema": ["Bad."]}),
        ("Bad.", {"_schema": ["Bad."]}),
        ({"a": "Bad."}, {"a": ["Bad."]}),
        ({}, {}),
        ({5: ["Bad."]}, {"5": ["Bad."]}),
    ],
)
def test_messages_become_paths(messages, flat):
    assert flatten(messages) == flat


def test_every_problem_has_a_status_with_a_code():
    kinds = [Problem, *Problem.__subclasses__()]
    assert len(kinds) > 8
    for kind in kinds:
        assert CODES[kind.status]
        assert kind.__doc__.startswith(f"{kind.status}: ") or kind is Problem
    assert {
        kind.__name__: kind.status
        for kind in (Unauthorized, Forbidden, NotFound, Conflict, Gone, PayloadTooLarge, Invalid)
    } == {
        "Unauthorized": 401,
        "Forbidden": 403,
        "NotFound": 404,
        "Conflict": 409,
        "Gone": 410,
        "PayloadTooLarge": 413,
        "Invalid": 422,
    }
    assert set(MESSAGES) <= set(CODES)


def test_codes_are_words_that_programs_can_rely_on():
    assert len(set(CODES.values())) == len(CODES)
    assert all(code.replace("_", "").isalpha() and code.islower() for code in CODES.values())


def test_a_problem_may_have_a_code_of_its_own():
    assert NotFound("x").code == "not_found"
    assert Invalid({"total": "x"}, code="total_mismatch").code == "total_mismatch"


def test_invalid_names_its_fields_in_words_too():
    problem = Invalid({"a": "Bad.", "b": ["One.", "Two."]})
    assert problem.message == "Please correct: a, b."
    assert problem.details == {"fields": {"a": ["Bad."], "b": ["One.", "Two."]}}


def test_names_that_the_caller_made_up_are_cut_and_made_printable():
    problem = Invalid({"x" * 5000: "Bad.", "\ud800": "Bad."})
    assert list(problem.details["fields"]) == ["x" * 80, "?"]
    assert len(Invalid({f"{n}" * 80: "Bad." for n in range(9)}).message) < 500
    problem.message.encode()
