"""Forgetting a user: nothing of them is left in any saved run, and nothing changes for the others."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from movierec_cli.cli.app import app
from movierec_cli.config import FEATURES, Family, FeatureSet, SplitConfig
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.split_data import split_data
from movierec_cli.errors import MovierecError
from movierec_cli.evaluation.metrics import top_k_of
from movierec_cli.evaluation.ratings import rating_errors
from movierec_cli.experiment.selection import on_own_test
from movierec_cli.experiment.trainer import train_or_load
from movierec_cli.leakage.diagnosis import diagnose
from movierec_cli.models.feature_encodings import fit_features
from movierec_cli.models.observer import TrainingObserver
from movierec_cli.recommend.explanation import explain
from movierec_cli.recommend.recommend import recommend
from movierec_cli.recommend.users import user_of
from movierec_cli.registry import forget, store
from movierec_cli.registry.forget import forget_user
from tests.saved_runs import (
    baseline_run,
    judged_run,
    multi_task_config,
    rating_baseline_run,
    run_config,
    sequence_config,
)
from tests.small_dataset import N_USERS, small_dataset, with_text_ids

ROW = 11
USER_ID = 7_146_318_295_604  # whose eight bytes are nowhere by chance
FEATURES_OF_ALL_KINDS = ("timestamp", "user_tenure", "user_gender", "movie_genres")


def dataset() -> Dataset:
    source = small_dataset()
    ids = source.users.user_id.copy()
    ids[ROW] = USER_ID
    return replace(source, users=replace(source.users, user_id=ids))


SOURCE = dataset()


def save_all(directory: Path, source: Dataset = SOURCE) -> dict[str, store.Run]:
    towers = judged_run(directory, source, run_config(*FEATURES_OF_ALL_KINDS))
    return {
        "towers": towers,
        "joint": judged_run(directory, source, multi_task_config(*FEATURES_OF_ALL_KINDS)),
        "sequence": judged_run(directory, source, sequence_config()),
        "baseline": baseline_run(directory, source, Family.EASE),
        "rating": rating_baseline_run(directory, source, Family.RATING_BIAS),
    }


def lists(run: store.Run, users: list[Any]) -> list[Any]:
    recommended = [recommend(run, user_of(run, user)) for user in users]
    with_times = [] if run.record.config.family.is_sequential else [
        recommend(run, user_of(run, user, as_of_s=1_001_000_000)).movies for user in users
    ]  # fmt: skip
    return [one.movies for one in recommended] + with_times


def traces(run: store.Run) -> list[bytes]:
    """Bytes by which the user would be known: their id, embedding, and rows of tables; ratings in a row."""
    found = [np.int64(USER_ID).tobytes(), str(USER_ID).encode()]
    if run.record.config.family.is_trained:
        found = found[::-1] if isinstance(run.artifacts.user_ids[0], str) else found
        found.append(run.artifacts.user_embeddings[ROW].tobytes())
        known = run.user_ratings
        mine = known.of(ROW)
        found += [
            known.seconds[mine].astype(np.uint32).tobytes(),
            known.movie[mine].astype(np.uint16).tobytes(),
        ]
        if not run.record.config.family.is_sequential:
            found += [one.table[ROW].tobytes() for one in run.towers.query.inputs if not one.is_context]
        if run.record.config.family.rates:
            found.append(run.rating_head.user_vectors[ROW].tobytes())
    return found


@pytest.mark.parametrize("source", [SOURCE, with_text_ids(SOURCE)], ids=["numbers", "texts"])
def test_nothing_of_the_user_is_left_and_nothing_changes_for_the_others(
    source: Dataset, tmp_path: Path
) -> None:
    runs = save_all(tmp_path, source)
    user_id, *others = np.roll(source.users.user_id, -ROW).tolist()
    trained = [name for name in runs if runs[name].record.config.family.is_trained]
    before = {name: lists(runs[name], others) for name in trained}
    known = {name: traces(run) for name, run in runs.items()}
    test_rows = runs["towers"].outcome.rows[runs["towers"].outcome.user_index == ROW]
    assert len(test_rows) > 0
    for name in trained:
        content = b"".join(file.read_bytes() for file in runs[name].folder.iterdir())
        assert all(trace in content for trace in known[name][:1] + known[name][2:]), name

    forgotten = forget_user(tmp_path, user_id)

    assert sorted(forgotten.names) == sorted(run.record.name for run in runs.values())
    assert forgotten.problems == ()
    for name, old in runs.items():
        run = store.load_run(old.folder)
        assert run.record.forgotten_users == 1 and old.record.forgotten_users == 0
        content = b"".join(file.read_bytes() for file in run.folder.iterdir())
        assert not any(trace in content for trace in known[name]), name
        if name in trained:
            assert lists(run, others) == before[name]
            with pytest.raises(MovierecError, match=f"there is no user {user_id}"):
                user_of(run, user_id)
            assert len(explain(run, user_of(run, others[-1]), [0])) == 1
        if run.record.config.family.ranks:
            assert not np.isin(test_rows, run.outcome.rows).any()
            assert len(run.outcome.rows) == len(old.outcome.rows) - np.isin(old.outcome.rows, test_rows).sum()
            assert run.record.test == top_k_of(run.outcome, tuple(old.record.test.unseen))
        if run.record.config.family.rates:
            assert run.record.ratings == rating_errors(run.rating_outcome)
            assert not np.isin(test_rows, run.rating_outcome.rows).any()
    again = others[-1]
    assert len(forget_user(tmp_path, again).names) >= len(trained)
    assert all(run.record.forgotten_users <= 2 for run in store.list_runs(tmp_path)[0])


def test_what_is_cut_short_is_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = save_all(tmp_path)
    save, left = store.save_run, [3]

    def save_some(*args: Any) -> store.Run:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return save(*args)

    with monkeypatch.context() as patched:
        patched.setattr(forget, "save_run", save_some)
        with pytest.raises(KeyboardInterrupt):
            forget_user(tmp_path, USER_ID)
    assert store.list_runs(tmp_path)[1] == []
    assert len(forget_user(tmp_path, USER_ID).names) == len(runs) - 3
    assert {run.record.forgotten_users for run in store.list_runs(tmp_path)[0]} == {1}


def test_a_run_that_has_forgotten_is_not_compared(tmp_path: Path) -> None:
    runs = save_all(tmp_path)
    forget_user(tmp_path, USER_ID)
    towers = store.load_run(runs["towers"].folder)
    with pytest.raises(MovierecError, match=r"has forgotten 1 user .*--retrain"):
        on_own_test([towers])
    data = split_data(SOURCE, towers.record.config.split)
    with pytest.raises(MovierecError, match="has forgotten 1 user"):
        train_or_load(data, [towers.record.config], tmp_path, TrainingObserver())
    found = diagnose(SOURCE, SplitConfig(), [], tmp_path)
    assert sum("has forgotten 1 user" in problem.message for problem in found.problems) == 3


def test_a_baseline_that_no_other_model_speaks_for_and_an_unknown_user_are_named(tmp_path: Path) -> None:
    def forget_by_command(user_id: int) -> tuple[int, str]:
        command = ["models", "forget", "--user", str(user_id), "--saved_models_dir", str(tmp_path)]
        result = CliRunner().invoke(app, command)
        return result.exit_code, " ".join(result.stderr.split())

    runs = save_all(tmp_path)
    code, said = forget_by_command(3000)
    assert code == 1 and "knows user 3000" in said
    store.remove_run(tmp_path, runs["towers"].record.name)
    store.remove_run(tmp_path, runs["joint"].record.name)
    store.remove_run(tmp_path, runs["baseline"].record.name)
    code, said = forget_by_command(USER_ID)
    assert code == 1 and f"Forgot user {USER_ID} in {runs['sequence'].record.name}" in said
    assert f"movierec models remove {runs['rating'].record.name}" in said


def test_each_list_of_users_in_a_vocabulary_is_known() -> None:
    split = split_data(SOURCE, SplitConfig()).split
    every = FeatureSet(tuple(one for one in FEATURES.values() if one.encoding))
    fitted = fit_features(SOURCE, split.train, every)
    lists_of_users = {
        (feature, key)
        for feature, vocabulary in fitted.items()
        for key, value in vocabulary.items()
        if isinstance(value, list) and len(value) == N_USERS
    }
    assert lists_of_users == forget._PER_USER
