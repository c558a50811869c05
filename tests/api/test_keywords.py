"""The keywords that type checkers know are the options that are declared, with types that these take."""

import enum
import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest

from movierec_cli.api import keywords
from movierec_cli.api.comparing import COMPARE_OPTIONS
from movierec_cli.api.saved_run import RECOMMEND_OPTIONS, SIMILAR_OPTIONS
from movierec_cli.config.features import FeatureSet
from movierec_cli.config.option_values import type_of
from movierec_cli.config.train_options import OPTIONS, Option
from movierec_cli.config.tune_options import TUNE_OPTIONS

TABLES: dict[str, tuple[str, Mapping[str, Option]]] = {
    "TrainKeywords": (
        "Of `MovieLensTrainer`: the options of `movierec train`.",
        {name: one for name, one in OPTIONS.items() if name != "dataset"}
        | {"feature_sets": OPTIONS["additional_feature_sets"]},
    ),
    "TuneKeywords": (
        "Of `tune`: the options of `movierec tune`.",
        {name: one for name, one in TUNE_OPTIONS.items() if name != "dataset"}
        | {"feature_sets": OPTIONS["additional_feature_sets"]},
    ),
    "CompareKeywords": ("Of `compare`: options of `movierec evaluate`.", COMPARE_OPTIONS),
    "FilterKeywords": ("Of `SavedRun.similar`: the options of `movierec similar`.", SIMILAR_OPTIONS),
    "RecommendKeywords": ("Of `SavedRun.recommend`: the options of `movierec recommend`.", RECOMMEND_OPTIONS),
}
PLAIN = {bool: "bool", int: "int", float: "float", str: "str", Path: "str | Path"}


ONE_ID, IDS = "int | str", "int | str | Sequence[int | str]"
BY_METAVAR = {
    "ID": ONE_ID,
    "YEARS": ONE_ID,
    "ID...": IDS,
    "TITLE": IDS,
    "NAME=TITLES": "str | Sequence[str]",
    "ROLE=NAME...": "Sequence[str] | Mapping[str, str]",
    "FEATURE=KIND...": "Sequence[str] | Mapping[str, str]",
}
BY_NAME = {
    "together": "bool | Sequence[int | str]",  # or the people themselves
    "space": "Space",
}


def taken(option: Option) -> str:
    """What a keyword takes, as it is written."""
    kind, metavar = type_of(option.hint), option.setting.metavar
    if option.name in BY_NAME:
        return BY_NAME[option.name]
    if metavar == "ID" and get_origin(kind) is list:
        return IDS
    if metavar in BY_METAVAR:
        return BY_METAVAR[metavar]
    if kind == tuple[FeatureSet, ...]:
        return "FeatureSets"
    if get_origin(kind) in (tuple, list):
        one = PLAIN.get(get_args(kind)[0], "str")
        return f"{one} | Sequence[{one}]"
    assert kind in PLAIN or issubclass(kind, enum.Enum), option
    return PLAIN.get(kind, "str")


def written(name: str) -> str:
    """The source of a class of keywords."""
    what, options = TABLES[name]
    lines = [f"    {option}: {taken(options[option])} | None" for option in sorted(options)]
    return f'class {name}(TypedDict, total=False):\n    """{what}"""\n\n' + "\n".join(lines) + "\n"


@pytest.mark.parametrize("name", TABLES)
def test_the_keywords_are_the_declared_options(name: str) -> None:
    found: Any = getattr(keywords, name)
    assert inspect.getsource(found) == written(name), f"write this there:\n{written(name)}"
