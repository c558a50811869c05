"""Saved runs as a study: which data, whose recommendations, which baselines beside them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from movierec_cli.config import DataConfig, Family, FeatureSet, SplitConfig, SplitKind
from movierec_cli.data.split import split_ratings
from movierec_cli.data.split_data import split_data
from movierec_cli.errors import MovierecError
from movierec_cli.experiment.main_job import Evaluation, EvaluationConfig, evaluate_saved, typical_users
from movierec_cli.experiment.selection import SplitRequest
from movierec_cli.leakage.data_checks import check_data
from movierec_cli.models.observer import TrainingObserver
from movierec_cli.recommend.many_users import UserSelection
from movierec_cli.recommend.recommend import recommend
from movierec_cli.recommend.users import rated_by, user_of
from movierec_cli.registry.record import RunConfig
from movierec_cli.registry.store import Run, list_runs
from tests.cli import fake_trainer
from tests.saved_runs import judged_run, run_config
from tests.small_dataset import small_dataset

DATASET = small_dataset("100k")  # the fake trainer's, under a name that is known


class Listener(TrainingObserver):
    def __init__(self) -> None:
        self.runs: list[tuple[str, bool]] = []
        self.warnings: list[str] = []

    def run_ended(self, run: Run, *, loaded: bool) -> None:
        self.runs.append((run.record.config.label, loaded))

    def warned(self, message: str) -> None:
        self.warnings.append(message)


@pytest.fixture(autouse=True)
def _fake(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_trainer.install(monkeypatch)


def save(directory: Path, *features: str, split: SplitConfig | None = None, **changes: object) -> Run:
    config: RunConfig = replace(run_config(*features), split=split or SplitConfig())
    return judged_run(directory, replace(DATASET, **changes), config)  # type: ignore[arg-type]


def study(directory: Path, listener: Listener | None = None, **options: object) -> Evaluation:
    return evaluate_saved(EvaluationConfig(saved_models_dir=directory, **options), listener)  # type: ignore[arg-type]


def test_the_data_set_of_the_runs_is_loaded_once_and_no_baseline_without_request(tmp_path: Path) -> None:
    save(tmp_path)
    listener = Listener()
    places = DataConfig(datasets_dir=tmp_path / "data")
    found = study(tmp_path, listener, places=places, baselines=()).study
    assert found.data.name == "100k"
    assert fake_trainer.loaded == [replace(places, dataset="100k")]
    assert listener.warnings == ["the checksum of small.zip is not the published one"]
    assert [one.label for one in found.models] == ["None"]
    assert len(list_runs(tmp_path)[0]) == 1


@pytest.mark.parametrize(
    ("others", "words"),
    [
        (["100k", "sample"], "are of 100k, sample; say which with --dataset, or with --archive"),
        (["films"], "of your own data 'films'; name it with --archive"),
    ],
)
def test_data_that_cannot_be_told_from_the_runs_has_to_be_said(
    tmp_path: Path, others: list[str], words: str
) -> None:
    for number, name in enumerate(others):
        save(tmp_path, name=name, fingerprint=f"{number}" * 64)
    with pytest.raises(MovierecError, match=words):
        study(tmp_path)
    assert fake_trainer.loaded == []  # nothing was loaded


def test_runs_of_merged_duplicates_are_evaluated_on_these(tmp_path: Path) -> None:
    own = save(tmp_path, merged_duplicates=True)  # under the fingerprint of what the fake trainer loads
    study(tmp_path)
    assert fake_trainer.loaded.pop().merge_duplicates
    assert own.record.data.merged_duplicates
    save(tmp_path, fingerprint="0" * 64)
    with pytest.raises(MovierecError, match="'100k' with and without --merge_duplicates; say which"):
        study(tmp_path)
    study(tmp_path, names=(own.record.name,))
    study(tmp_path, places=DataConfig(merge_duplicates=True))
    assert [config.merge_duplicates for config in fake_trainer.loaded] == [True, True]


def test_a_run_of_merged_duplicates_is_no_run_of_the_data_as_they_are(tmp_path: Path) -> None:
    save(tmp_path, fingerprint="0" * 64, merged_duplicates=True)
    with pytest.raises(MovierecError, match="'100k' in another form; add --merge_duplicates"):
        study(tmp_path, data=DataConfig(dataset="100k"))


def test_without_a_run_no_data_are_fetched(tmp_path: Path) -> None:
    with pytest.raises(MovierecError, match=r"no model is saved in .*; train one first: movierec train"):
        study(tmp_path, data=DataConfig(dataset="25m"))
    (tmp_path / "broken").mkdir()
    with pytest.raises(MovierecError, match=r"that can be used \(.*broken: run.json cannot be read"):
        study(tmp_path, data=DataConfig(dataset="25m"))
    assert fake_trainer.loaded == []


def test_named_runs_say_which_data_they_are_of_and_what_is_skipped_is_told(tmp_path: Path) -> None:
    run = save(tmp_path)
    other = save(tmp_path, name="sample", fingerprint="0" * 64)
    found = study(tmp_path, names=(run.record.name,))
    assert (found.study.data, found.skipped) == (run.record.data, ())
    found = study(tmp_path, data=DataConfig(dataset="100k"))
    assert [problem.folder for problem in found.skipped] == [other.folder]


def test_baselines_are_fitted_on_the_runs_split_saved_and_loaded_the_second_time(tmp_path: Path) -> None:
    split = SplitConfig(kind=SplitKind.TEMPORAL, test_fraction=0.3, min_rating=2)
    save(tmp_path, split=split)
    first, second = Listener(), Listener()
    wanted = (Family.POPULARITY, Family.EASE)
    once = study(tmp_path, first, baselines=wanted).study
    again = study(tmp_path, second, baselines=wanted).study
    assert first.runs == [("popularity", False), ("EASE", False)]
    assert second.runs == [("popularity", True), ("EASE", True)]
    assert [one.label for one in once.models] == ["None", "popularity", "EASE"]
    assert once == again
    saved = {run.record.config.family: run.record.config.split for run in list_runs(tmp_path)[0]}
    assert saved == dict.fromkeys((Family.TWO_TOWER, *wanted), split)


def test_a_baseline_that_is_named_is_not_fitted_again(tmp_path: Path) -> None:
    save(tmp_path)
    study(tmp_path, baselines=(Family.EASE,))
    (ease,) = (run for run in list_runs(tmp_path)[0] if run.record.config.family is Family.EASE)
    found = study(tmp_path, names=(ease.record.name,), baselines=(Family.EASE, Family.POPULARITY)).study
    assert [one.label for one in found.models] == ["EASE", "popularity"]


def test_on_a_smaller_test_part_baselines_are_the_runs_own(tmp_path: Path) -> None:
    save(tmp_path)
    found = study(tmp_path, split=SplitRequest(test_fraction=0.1), baselines=(Family.POPULARITY,)).study
    assert found.split == SplitConfig(test_fraction=0.1)
    assert found.split_summary.n_test == len(split_ratings(DATASET.ratings, found.split).test)
    fitted = found.models[-1].records[0].config
    assert (fitted.family, fitted.split) == (Family.POPULARITY, SplitConfig())
    own = split_ratings(DATASET.ratings, SplitConfig())
    assert found.split_summary.n_train == len(own.train)


def test_recommendations_are_of_each_trained_set_for_the_users_asked_for(tmp_path: Path) -> None:
    runs = [save(tmp_path), save(tmp_path, "timestamp")]
    seed = judged_run(tmp_path, DATASET, run_config(seed=41))
    lists = study(tmp_path, users=UserSelection((7, 20))).study.user_lists
    assert [one.user_id for one in lists] == [7, 20]
    for one in lists:
        assert one.rated == rated_by(DATASET, one.user_id)
        by_set = {each.config.feature_set: each for each in one.recommended}
        assert set(by_set) == {FeatureSet(), FeatureSet.parse(["timestamp"])} and len(one.recommended) == 2
        for run in (runs[1], min(runs[0], seed, key=lambda run: run.record.name)):
            expected = recommend(run, user_of(run, one.user_id))
            assert by_set[run.record.config.feature_set] == expected


def test_an_unknown_user_is_told_before_anything_is_fitted(tmp_path: Path) -> None:
    save(tmp_path)
    listener = Listener()
    with pytest.raises(MovierecError, match=r"no user 99999 in '100k'.* ids 1 to 20"):
        study(tmp_path, listener, users=UserSelection((99999,)))
    assert listener.runs == []


def test_a_user_whom_the_training_left_out_is_told_so(tmp_path: Path) -> None:
    save(tmp_path, split=SplitConfig(k_core=7))
    with pytest.raises(MovierecError, match=r"no user 1 .* without those of fewer than 7 ratings"):
        study(tmp_path, users=UserSelection((1,)))
    assert len(study(tmp_path, users=None).study.user_lists) == 3
    left = study(tmp_path, users=UserSelection()).study.user_lists
    assert [one.user_id for one in left] == save(
        tmp_path, split=SplitConfig(k_core=7)
    ).artifacts.user_ids.tolist()


def test_typical_users_rated_little_middling_and_much(tmp_path: Path) -> None:
    split = split_ratings(DATASET.ratings, SplitConfig())
    counts = np.bincount(DATASET.ratings.user_index[split.fit], minlength=20)
    tested = sorted(
        set(DATASET.ratings.user_index[split.test].tolist()), key=lambda user: (counts[user], user)
    )
    expected = [tested[int(share * (len(tested) - 1))] + 1 for share in (0.1, 0.5, 0.9)]
    assert list(typical_users(split_data(DATASET, SplitConfig()))) == expected
    little, middling, much = (counts[user_id - 1] for user_id in expected)
    assert little < middling < much
    save(tmp_path)
    lists = study(tmp_path, users=None).study.user_lists
    assert [one.user_id for one in lists] == expected


def test_one_test_user_is_typical_once() -> None:
    data = split_data(DATASET, SplitConfig())
    only = data.split.test[DATASET.ratings.user_index[data.split.test] == 9]
    assert typical_users(replace(data, split=replace(data.split, test=only))) == (10,)


def test_findings_are_of_the_data_and_of_what_models_were_fitted_on_each_once(tmp_path: Path) -> None:
    own = split_ratings(DATASET.ratings, SplitConfig())
    sets = [FeatureSet.parse(["timestamp"])]
    save(tmp_path, "timestamp")
    judged_run(tmp_path, DATASET, run_config("timestamp", seed=43))
    assert study(tmp_path).study.findings == check_data(DATASET, own, SplitConfig(), sets)
    assert any(finding.name == "time-travel" for finding in study(tmp_path).study.findings)


def test_a_model_that_was_fitted_on_more_than_train_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests import saved_runs

    everything = np.arange(len(DATASET.ratings))
    fit = saved_runs.fit_features
    monkeypatch.setattr(saved_runs, "fit_features", lambda data, rows, sets: fit(data, everything, sets))
    for seed in (42, 43):
        judged_run(tmp_path, DATASET, run_config("user_tenure", seed=seed))
    found = [one for one in study(tmp_path).study.findings if one.name == "fitted-on-more-than-train"]
    assert len(found) == 1 and found[0].remedy == "--retrain"
