"""What a search looks among, as it is written and as it is meant."""

import math

import pytest

from movierec_cli.config import TRAINABLE, Family, FeatureSet, default_settings
from movierec_cli.config.filled_settings import trainer_config
from movierec_cli.config.search_space import (
    Choices,
    Range,
    dimension,
    read_values,
    requested,
    space_of,
    value_of,
)
from movierec_cli.config.tune_options import TUNE_OPTIONS, seconds_of
from movierec_cli.experiment.search_plan import TuneRequest, settings_by_option

WRITTEN = {
    "learning_rate=0.001..0.03:log": Range(0.001, 0.03, is_log=True),
    "dropout=0..0.5": Range(0.0, 0.5),
    "num_layers=1..3": Range(1, 3, is_whole=True),
    "embedding_size=32,64,128": Choices((32, 64, 128)),
    "layer_sizes=64,128+64,none": Choices(("64", "128 64", "None")),
    "item_bias=true,false": Choices((True, False)),
    "loss=catalogue,in-batch": Choices(("catalogue", "in-batch")),
}


@pytest.mark.parametrize("text", WRITTEN)
def test_what_is_written_is_read_and_written_again(text: str) -> None:
    name, _, values = text.partition("=")
    assert requested([name, *TUNE_OPTIONS["space"].read(text)][1:]) == {name: WRITTEN[text]}
    assert str(dimension(name, values)).lower() == values


def test_several_options_stand_one_after_the_other_however_they_are_separated() -> None:
    texts = ("dropout=0..0.5 embedding_size=32,64 l2", "dropout=0..0.5,embedding_size=32,64,l2")
    typed = [requested(TUNE_OPTIONS["space"].read(one)) for one in texts]
    in_python = {"dropout": "0..0.5", "embedding_size": [32, 64]}
    assert typed[0] == typed[1] == requested(TUNE_OPTIONS["space"].read(in_python)) | {"l2": None}
    nested = TUNE_OPTIONS["space"].read({"layer_sizes": [[64], [128, 64]]})
    assert requested(nested) == {"layer_sizes": Choices(("64", "128 64"))}


@pytest.mark.parametrize(
    ("family", "split"), [(family, split) for family in TRAINABLE for split in family.spec.splits]
)
def test_every_familys_space_is_possible_and_has_its_defaults(family: Family, split: str) -> None:
    given = {"family": family, "split": split, "additional_feature_sets": (FeatureSet(),)}
    settings = settings_by_option(trainer_config(given))
    space = space_of(family, {}, {}, settings)
    assert set(space) == set(family.spec.space)
    usual = default_settings(family, split)
    for name, values in space.items():
        part = usual.model if hasattr(usual.model, name) else usual.training
        assert value_of(getattr(part, name)) in values
        for value in values.ends:
            trainer_config(given | read_values({name: value}))


def test_what_is_given_is_searched_only_where_it_is_named() -> None:
    given = {"learning_rate": 0.3, "dropout": 0.0}

    def space(**more: object) -> dict[str, object]:
        options = {name: TUNE_OPTIONS[name].read(value) for name, value in {**given, **more}.items()}
        return dict(TuneRequest.of(options).plans[0].space)

    assert space().keys() & given.keys() == set()
    named = space(space=["learning_rate", "dropout=0.1..0.2"])
    assert named["learning_rate"] == Range(0.001, 0.3, is_log=True)  # widened to where it begins
    assert named["dropout"] == Range(0.1, 0.2)  # as it is wanted


def test_numbers_of_a_range_have_few_digits_and_stay_in_it() -> None:
    one = Range(0.00123456, 0.0213456, is_log=True)
    assert one.rounded(0.0098765) == 0.00988
    assert one.rounded(0.00123456) == 0.00123456 and one.rounded(0.0213456) in one
    assert Range(1, 9, is_whole=True).rounded(3) == 3


@pytest.mark.parametrize(
    ("text", "seconds"), [("1h", 3600), ("90m", 5400), ("1h30m", 5400), ("45s", 45), ("1.5h", 5400)]
)
def test_a_time_is_in_seconds(text: str, seconds: float) -> None:
    assert math.isclose(seconds_of(text), seconds)
