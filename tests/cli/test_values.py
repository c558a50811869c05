"""Options that take several values: what is read, what is refused, what the shell is offered."""

import re

import pytest

from movierec_cli.config import BASELINES, Family
from movierec_cli.config.option_values import parse_families, parse_numbers, parse_top_k
from movierec_cli.errors import UsageError


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("64,32", (64, 32)),
        ("64 32", (64, 32)),
        (" 64 ,\t32, ", (64, 32)),
        ("7", (7,)),
        ("-3,+4,007", (-3, 4, 7)),
    ],
)
def test_whole_numbers_are_read_in_their_order(text: str, numbers: tuple[int, ...]) -> None:
    assert parse_numbers(text, "--layer_sizes", "whole numbers", int) == numbers


@pytest.mark.parametrize("text", ["abc", "1.5", "64 x", "1e3", "--", "0x10"])
def test_what_is_no_whole_number_is_refused_with_an_example(text: str) -> None:
    message = f"--users is '{text}'; it takes whole numbers such as 1 42"
    with pytest.raises(UsageError, match=re.escape(message)):
        parse_numbers(text, "--users", "whole numbers such as 1 42", int)


@pytest.mark.parametrize("text", ["", " ", ",", " , ,"])
def test_no_value_at_all_is_refused(text: str) -> None:
    for parse in (parse_top_k, parse_families):
        with pytest.raises(UsageError, match=r"it needs one value or more"):
            parse(text)


@pytest.mark.parametrize(
    ("text", "ks"), [("10 100", (10, 100)), ("100,10", (10, 100)), ("5,5 5", (5,)), ("1", (1,))]
)
def test_ks_ascend_and_come_once(text: str, ks: tuple[int, ...]) -> None:
    assert parse_top_k(text) == ks


@pytest.mark.parametrize(
    ("text", "families"),
    [
        ("popularity,ease", (Family.POPULARITY, Family.EASE)),
        ("ease popularity ease", (Family.EASE, Family.POPULARITY)),
        ("Recent_Popularity ITEM-KNN iALS", (Family.RECENT_POPULARITY, Family.ITEM_KNN, Family.IALS)),
        ("all", BASELINES),
        ("ALL", BASELINES),
        ("None", ()),
        ("none", ()),
    ],
)
def test_baselines_are_read_in_their_order_each_once(text: str, families: tuple[Family, ...]) -> None:
    assert parse_families(text) == families
