"""The tier catalogue: data of the operator, checked at boot, asked for who may use what."""

import pytest

from app.config import BootError, load
from app.tiers import catalogue
from app.tiers.catalogue import SHIPPED, Catalogue

THREE = """
[[tiers]]
name = "free"
requests_per_minute = 10
requests_per_day = 100
[[tiers]]
name = "advanced"
[[tiers]]
name = "pro"
requests_per_minute = 99
"""


@pytest.fixture
def read(tmp_path):
    def read(toml: str, **overrides) -> Catalogue:
        (tmp_path / "billhook.toml").write_text(toml, encoding="utf-8")
        return catalogue.load(load({"BILLHOOK_INSTANCE_PATH": str(tmp_path)}, overrides))

    return read


def refused(read, toml, **overrides) -> list[str]:
    with pytest.raises(BootError) as stopped:
        read(toml, **overrides)
    return stopped.value.problems


def test_the_shipped_one(read):
    found = read("")
    assert found.tiers == SHIPPED
    assert found.names() == ["free", "advanced", "pro", "enterprise"]
    assert [(tier.requests_per_minute, tier.requests_per_day) for tier in SHIPPED] == [
        (30, 1000),
        (60, 10_000),
        (120, 50_000),
        (300, None),
    ]


def test_the_operators_takes_its_place_as_a_whole(read):
    found = read(THREE, default_tier="pro")
    assert [(tier.name, tier.requests_per_minute, tier.requests_per_day) for tier in found.tiers] == [
        ("free", 10, 100),
        ("advanced", None, None),
        ("pro", 99, None),
    ]


def test_a_tier_opens_itself_and_what_lies_below(read):
    found = read("")
    names = found.names()
    for have, own in enumerate(names):
        for need, required in enumerate(names):
            assert found.opens(own, required) == (have >= need)
    assert found.opens("retired", "free") and not found.opens("retired", "advanced")


def test_more_tiers_may_stand_between_and_above(read):
    toml = "".join(f'[[tiers]]\nname = "{name}"\n' for name in ("free", "starter", "advanced", "plus", "pro", "top"))
    found = read(toml, default_tier="plus")
    assert found.opens("plus", "advanced") and not found.opens("starter", "advanced") and found.opens("top", "pro")


@pytest.mark.parametrize(
    ("toml", "sentences"),
    [
        (
            THREE.replace('"pro"', '"prof"'),
            [
                "[[tiers]]: the tier 'pro' is missing; features are declared to need it.",
                "BILLHOOK_DEFAULT_TIER 'pro' is none of the tiers: free, advanced, prof.",
            ],
        ),
        (THREE + '[[tiers]]\nname = "free"\n', ["[[tiers]]: 'free' is listed twice."]),
        (
            THREE.replace("10\n", "0\n", 1),
            ["[[tiers]] free: requests_per_minute must be a whole number above 0, or left out for no limit."],
        ),
        (
            THREE.replace("100\n", "-5\n"),
            ["[[tiers]] free: requests_per_day must be a whole number above 0, or left out for no limit."],
        ),
        (
            THREE.replace("100\n", "true\n"),
            ["[[tiers]] free: requests_per_day must be a whole number above 0, or left out for no limit."],
        ),
        (
            THREE.replace("100\n", '"many"\n'),
            ["[[tiers]] free: requests_per_day must be a whole number above 0, or left out for no limit."],
        ),
        (
            THREE.replace("100\n", "1.5\n"),
            ["[[tiers]] free: requests_per_day must be a whole number above 0, or left out for no limit."],
        ),
        (THREE.replace("requests_per_day", "request_per_day"), ["[[tiers]] free: 'request_per_day' is not known."]),
        (THREE + "[[tiers]]\nrequests_per_day = 5\n", ["[[tiers]] number 4: name must be a word such as advanced."]),
        (THREE + "[[tiers]]\nname = 5\n", ["[[tiers]] number 4: name must be a word such as advanced."]),
        (THREE + '[[tiers]]\nname = "two words"\n', ["[[tiers]] number 4: name must be a word such as advanced."]),
        (THREE + '[[tiers]]\nname = ""\n', ["[[tiers]] number 4: name must be a word such as advanced."]),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence_each(read, toml, sentences):
    assert refused(read, toml, default_tier="pro") == sentences


def test_the_order_must_be_the_one_that_features_rely_on(read):
    for order in (("advanced", "free", "pro"), ("free", "pro", "advanced"), ("trial", "free", "advanced", "pro")):
        toml = "".join(f'[[tiers]]\nname = "{name}"\n' for name in order)
        [problem] = refused(read, toml, default_tier="pro")
        assert problem.startswith("[[tiers]]: free must come first, and advanced before pro")


@pytest.mark.parametrize(
    "toml",
    ['tiers = "free"', "tiers = 5", 'tiers = ["free"]', "tiers = [[1]]", '[tiers]\nname = "free"', "tiers = [1, 2]"],
)
def test_what_is_no_list_of_tables_is_one_sentence(read, toml):
    assert refused(read, toml) == ["BILLHOOK_TIERS must be a list of [[tiers]] tables."]


def test_a_default_that_does_not_exist_is_named_with_those_that_do(read):
    [problem] = refused(read, "", default_tier="platinum")
    assert problem == "BILLHOOK_DEFAULT_TIER 'platinum' is none of the tiers: free, advanced, pro, enterprise."


def test_several_problems_are_told_at_once(read):
    toml = '[[tiers]]\nname = "free"\nrequests_per_day = 0\ncolour = "red"\n[[tiers]]\nname = "free"\n'
    assert len(refused(read, toml, default_tier="platinum")) == 6
