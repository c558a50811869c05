"""Which saved runs are judged on which test ratings, and which are refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from movierec_cli.config import DataConfig, Family, SplitConfig, SplitKind, TargetKind, TrainerConfig
from movierec_cli.config.settings import Orphans, Reading
from movierec_cli.data.split import Split, split_ratings
from movierec_cli.data.split_data import restrict
from movierec_cli.errors import MovierecError, SavedModelError, UsageError
from movierec_cli.evaluation.evaluate import evaluate
from movierec_cli.experiment.loading import load_source
from movierec_cli.experiment.selection import (
    EvaluatedRun,
    InconsistentSplitError,
    SplitRequest,
    outcome_on,
    select_runs,
)
from movierec_cli.models.baselines.fit_baseline import fit_baseline
from movierec_cli.models.observer import TrainingObserver
from movierec_cli.registry.record import RunConfig
from movierec_cli.registry.store import Run
from movierec_cli.storage.codec import to_bytes
from tests.cli import fake_trainer
from tests.saved_runs import judged_run, run_config
from tests.small_dataset import small_dataset

DATASET = small_dataset()
RANDOM = SplitConfig()
TEMPORAL = SplitConfig(kind=SplitKind.TEMPORAL)
PARTS = ("train", "validation", "test")


def config(*features: str, split: SplitConfig = RANDOM, seed: int = 42) -> RunConfig:
    return replace(run_config(*features, seed=seed), split=split)


def baseline(directory: Path, family: Family, split: SplitConfig = RANDOM) -> Run:
    asked = TrainerConfig(feature_sets=(), baselines=(family,), split=split, saved_models_dir=directory)
    (run,) = fake_trainer.trained(asked)
    return run


def parts(split: SplitConfig) -> Split:
    dataset = restrict(DATASET, min_rating=split.min_rating, k_core=split.k_core)
    return split_ratings(dataset.ratings, split)


def names(runs: list[Run]) -> list[str]:
    return sorted(run.record.name for run in runs)


SPLITS = [
    RANDOM,
    TEMPORAL,
    SplitConfig(kind=SplitKind.LEAVE_LAST),
    SplitConfig(test_fraction=0.3, validation_fraction=0.2),
    SplitConfig(min_rating=2, k_core=3),
]


@pytest.mark.parametrize("split", SPLITS)
def test_runs_are_judged_on_their_own_test_part_by_default(tmp_path: Path, split: SplitConfig) -> None:
    runs = [judged_run(tmp_path, DATASET, config(feature, split=split)) for feature in ("None", "timestamp")]
    selection = select_runs(tmp_path, [], DATASET)
    assert names([one.run for one in selection.evaluated]) == names(runs)
    assert (selection.data.config, selection.skipped) == (split, ())
    own = parts(split)
    for part in PARTS:
        assert getattr(selection.data.split, part).tolist() == getattr(own, part).tolist()
    for one in selection.evaluated:
        assert to_bytes(one.outcome) == to_bytes(one.run.outcome)
    assert len(selection.data.dataset.ratings) == sum(len(getattr(own, part)) for part in PARTS)


@pytest.mark.parametrize("family", [Family.POPULARITY, Family.EASE, Family.ITEM_KNN])
@pytest.mark.parametrize("split", [RANDOM, TEMPORAL])
def test_a_smaller_test_part_gives_what_judging_afresh_on_it_gives(
    tmp_path: Path, family: Family, split: SplitConfig
) -> None:
    run = baseline(tmp_path, family, split)
    selection = select_runs(tmp_path, [run.record.name], DATASET, SplitRequest(test_fraction=0.1))
    (evaluated,) = selection.evaluated
    own = parts(split)
    smaller = parts(replace(split, test_fraction=0.1)).test
    assert 0 < len(smaller) < len(own.test) and set(smaller) < set(own.test)
    afresh = evaluate(DATASET, own.fit, smaller, fit_baseline(family, DATASET, own).model)
    assert to_bytes(evaluated.outcome) == to_bytes(afresh)
    assert selection.data.split.test.tolist() == smaller.tolist()
    assert selection.data.split.train.tolist() == own.train.tolist()


def test_a_larger_test_part_is_refused_with_the_number_of_ratings_that_were_trained_on(
    tmp_path: Path,
) -> None:
    run = judged_run(tmp_path, DATASET, config())
    larger = parts(replace(RANDOM, test_fraction=0.4)).test
    n_trained_on = len(set(larger.tolist()) - set(parts(RANDOM).test.tolist()))
    asked = SplitRequest(test_fraction=0.4)
    for wanted in ([], [run.record.name]):
        with pytest.raises(InconsistentSplitError) as caught:
            select_runs(tmp_path, wanted, DATASET, asked)
        message = str(caught.value)
        assert f"{run.record.name} was trained on {n_trained_on} of the {len(larger)} ratings" in message
        assert "--split random --test_fraction 0.4" in message
        assert "(--split random --test_fraction 0.2)" in message


@pytest.mark.parametrize("kind", [SplitKind.TEMPORAL, SplitKind.LEAVE_LAST])
def test_another_kind_of_split_is_refused_unless_nothing_of_it_was_trained_on(
    tmp_path: Path, kind: SplitKind
) -> None:
    run = judged_run(tmp_path, DATASET, config())
    with pytest.raises(InconsistentSplitError, match=f"ratings that --split {kind}"):
        select_runs(tmp_path, [], DATASET, SplitRequest(kind=kind))
    own_test = parts(RANDOM).test
    inside = own_test[::2]
    own = EvaluatedRun(run, run.outcome)
    assert outcome_on(own, replace(RANDOM, kind=kind), inside).outcome.rows.tolist() == inside.tolist()
    outside = np.append(inside, parts(RANDOM).validation[:1])
    with pytest.raises(InconsistentSplitError, match="trained on 1 of the"):
        outcome_on(own, replace(RANDOM, kind=kind), outside)


def test_other_ratings_left_out_are_refused(tmp_path: Path) -> None:
    run = judged_run(tmp_path, DATASET, config(split=SplitConfig(min_rating=2)))
    with pytest.raises(InconsistentSplitError, match=r"--min_rating 2 --k_core 0.*evaluate it with the same"):
        select_runs(tmp_path, [run.record.name], DATASET, SplitRequest(k_core=4, min_rating=2))
    assert (
        select_runs(tmp_path, [], DATASET, SplitRequest(min_rating=2)).evaluated[0].run.record == run.record
    )


def test_what_is_not_said_of_the_split_is_as_in_training(tmp_path: Path) -> None:
    split = SplitConfig(kind=SplitKind.TEMPORAL, test_fraction=0.3, min_rating=2)
    judged_run(tmp_path, DATASET, config(split=split))
    for asked in (SplitRequest(), SplitRequest(kind=SplitKind.TEMPORAL), SplitRequest(min_rating=2)):
        assert select_runs(tmp_path, [], DATASET, asked).data.config == split
    smaller = select_runs(tmp_path, [], DATASET, SplitRequest(test_fraction=0.1))
    assert smaller.data.config == replace(split, test_fraction=0.1)


def test_runs_whose_targets_were_asked_for_otherwise_are_not_compared(tmp_path: Path) -> None:
    together, successive = (replace(TEMPORAL, targets=kind) for kind in TargetKind)
    runs = [judged_run(tmp_path, DATASET, config(split=split)) for split in (together, successive)]
    with pytest.raises(MovierecError, match=r"--test_fraction 0.2 --targets successive; say which"):
        select_runs(tmp_path, [], DATASET)
    for run, targets in zip(runs, TargetKind, strict=True):
        found = select_runs(tmp_path, [], DATASET, SplitRequest(kind=SplitKind.TEMPORAL, targets=targets))
        assert names([one.run for one in found.evaluated]) == [run.record.name]
        assert found.data.config.targets is targets
        assert found.data.split.is_successive is found.data.config.is_successive
    with pytest.raises(InconsistentSplitError, match="was tested with --targets together"):
        select_runs(tmp_path, [runs[0].record.name], DATASET, SplitRequest(targets=TargetKind.SUCCESSIVE))
    with pytest.raises(UsageError, match="needs --split temporal"):
        SplitRequest(kind=SplitKind.RANDOM, targets=TargetKind.SUCCESSIVE)


def test_runs_of_other_data_are_left_out_or_refused_where_they_are_named(tmp_path: Path) -> None:
    own = judged_run(tmp_path, DATASET, config())
    film = replace(small_dataset("films"), description="films of mine", fingerprint="d" * 64)
    other = judged_run(tmp_path, film, config())
    newer = judged_run(tmp_path, replace(DATASET, fingerprint="c" * 64), config())
    selection = select_runs(tmp_path, [], DATASET)
    assert names([one.run for one in selection.evaluated]) == [own.record.name]
    reasons = {problem.folder: problem.message for problem in selection.skipped}
    assert set(reasons) == {other.folder, newer.folder}
    assert "it was trained on films of mine, not on the 'small'" in reasons[other.folder]
    assert "'small' with other content" in reasons[newer.folder]
    assert "another file" in reasons[newer.folder]
    with pytest.raises(MovierecError, match=f"{other.record.name}: it was trained on films of mine"):
        select_runs(tmp_path, [own.record.name, other.record.name], DATASET)


def test_saved_runs_of_other_data_only_say_so(tmp_path: Path) -> None:
    judged_run(tmp_path, replace(DATASET, description="films of mine", fingerprint="d" * 64), config())
    with pytest.raises(MovierecError, match=r"is of 'small' \(.*other content.*\); train one first"):
        select_runs(tmp_path, [], DATASET)
    judged_run(
        tmp_path, replace(DATASET, reading=Reading(orphans=Orphans.DROP), fingerprint="e" * 64), config()
    )
    judged_run(tmp_path, replace(DATASET, name="a", fingerprint="f" * 64), config())
    with pytest.raises(MovierecError, match=r"is of 'small' \(small-.* with other (options|content)"):
        select_runs(tmp_path, [], DATASET)
    with pytest.raises(MovierecError, match=r"no saved model in .* is of 'small'; train one first"):
        select_runs(tmp_path / "none", [], DATASET)


def test_baselines_are_judged_where_they_are_named_only_and_what_is_named_twice_once(tmp_path: Path) -> None:
    trained = judged_run(tmp_path, DATASET, config())
    named = baseline(tmp_path, Family.POPULARITY)
    assert names([one.run for one in select_runs(tmp_path, [], DATASET).evaluated]) == [trained.record.name]
    given = [named.record.name[:-3], trained.record.name, named.record.name]
    selected = select_runs(tmp_path, given, DATASET).evaluated
    assert [one.run.record.name for one in selected] == [named.record.name, trained.record.name]


def test_of_several_splits_one_has_to_be_said(tmp_path: Path) -> None:
    random = judged_run(tmp_path, DATASET, config())
    temporal = judged_run(tmp_path, DATASET, config(split=TEMPORAL))
    with pytest.raises(MovierecError) as caught:
        select_runs(tmp_path, [], DATASET)
    assert "2 different splits: --split random --test_fraction 0.2; --split temporal" in str(caught.value)
    for run, kind in ((random, SplitKind.RANDOM), (temporal, SplitKind.TEMPORAL)):
        selection = select_runs(tmp_path, [], DATASET, SplitRequest(kind=kind))
        assert [one.run.record.name for one in selection.evaluated] == [run.record.name]
        (skipped,) = selection.skipped
        assert skipped.folder != run.folder and "was trained on" in skipped.message
        assert [one.run for one in select_runs(tmp_path, [run.record.name], DATASET).evaluated] == [run]


def test_of_two_shares_the_smaller_is_judged_on_the_runs_that_were_trained_with_it(tmp_path: Path) -> None:
    """A run that held out more could be judged on it too, but was trained on less."""
    more = judged_run(tmp_path, DATASET, config(split=SplitConfig(test_fraction=0.3)))
    less = judged_run(tmp_path, DATASET, config())
    selection = select_runs(tmp_path, [], DATASET, SplitRequest(test_fraction=0.2))
    assert [one.run for one in selection.evaluated] == [less]
    assert [problem.folder for problem in selection.skipped] == [more.folder]
    assert "trained on another part of the ratings (--split random --test_fraction 0.3" in (
        selection.skipped[0].message
    )


def test_splits_that_differ_in_validation_only_are_not_mixed(tmp_path: Path) -> None:
    for fraction in (0.05, 0.2):
        judged_run(tmp_path, DATASET, config(split=SplitConfig(validation_fraction=fraction)))
    selection = select_runs(tmp_path, [], DATASET)
    assert len(selection.evaluated) == len(selection.skipped) == 1
    kept = selection.evaluated[0].run.record.config.split.validation_fraction
    assert f"evaluated (--split random --test_fraction 0.2 --validation_fraction {kept:g})" in (
        selection.skipped[0].message
    )


def test_a_damaged_run_is_left_out_or_refused_where_it_is_named(tmp_path: Path) -> None:
    good, cut, gone = (
        judged_run(tmp_path, DATASET, config(*features)) for features in ((), ("timestamp",), ("movie_year",))
    )
    (cut.folder / "outcome.npz").write_bytes(b"PK")
    (gone.folder / "run.json").unlink()
    selection = select_runs(tmp_path, [], DATASET)
    assert [one.run for one in selection.evaluated] == [good]
    reasons = {problem.folder: problem.message for problem in selection.skipped}
    assert "outcome.npz is damaged" in reasons[cut.folder]
    assert "run.json cannot be read" in reasons[gone.folder]
    for run in (cut, gone):
        with pytest.raises(SavedModelError, match=run.record.name):
            select_runs(tmp_path, [run.record.name], DATASET)


def test_a_split_that_cannot_be_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match=r"--test_fraction is 1\.5"):
        SplitRequest(test_fraction=1.5)


def test_of_models_that_differ_in_the_movie_lengths_alone_the_newest_counts(tmp_path: Path) -> None:
    asked = config("movie_length")
    runs = [
        judged_run(tmp_path, replace(DATASET, lengths_fingerprint=letter * 64), asked, created_at=moment)
        for letter, moment in (("a", "2026-02-01T00:00:00+00:00"), ("b", "2026-01-01T00:00:00+00:00"))
    ]
    selection = select_runs(tmp_path, [], DATASET)
    assert names([one.run for one in selection.evaluated]) == [runs[0].record.name]
    assert "other movie lengths" in selection.skipped[0].message
    assert selection.skipped[0].folder == runs[1].folder


def test_own_data_are_read_again_as_for_the_newest_model(tmp_path: Path) -> None:
    file = tmp_path / "small.csv"
    file.write_text("who,item\n1,10\n2,11\n")
    place = DataConfig(archive=file, datasets_dir=tmp_path)
    runs = [
        judged_run(
            tmp_path,
            replace(DATASET, reading=Reading(columns=(f"user={column}",)), fingerprint=mark * 64),
            config(),
            created_at=f"2026-01-0{day}T00:00:00+00:00",
        )
        for column, mark, day in (("who", "a", 2), ("nobody", "b", 1))
    ]
    assert load_source(place, TrainingObserver(), runs=runs).users.user_id.tolist() == [1, 2]
