"""Which saved run serves a request for recommendations."""

from dataclasses import replace
from pathlib import Path

import pytest

from movierec_cli.config import Family, SplitConfig, SplitKind
from movierec_cli.errors import MovierecError, SavedModelError
from movierec_cli.evaluation.metrics import NO_TOP_K
from movierec_cli.recommend.run_choice import (
    FOR_HISTORIES,
    FOR_USERS,
    best_run,
    comparable_runs,
    suitable_runs,
    validation_ndcg,
)
from movierec_cli.registry import store
from movierec_cli.registry.record import RunConfig
from movierec_cli.registry.store import Run
from tests.saved_runs import judged_run, multi_task_config, rating_baseline_run, run_config, sequence_config
from tests.small_dataset import small_dataset

DATASET = small_dataset()


def with_ndcg(run: Run, ndcg: float | None, *, of_others: float = 0.0) -> Run:
    """The same run, saved anew with this NDCG@10 in its best epoch, or none measured."""
    best = run.record.best_epoch
    history = tuple(
        replace(one, ndcg=ndcg if one.epoch == best or ndcg is None else of_others)
        for one in run.record.history
    )
    return store.save_run(run.folder.parent, replace(run.record, history=history), run.parts())


def saved(directory: Path, config: RunConfig, ndcg: float, **changes: float) -> Run:
    return with_ndcg(judged_run(directory, DATASET, config), ndcg, **changes)


def names(runs: tuple[Run, ...]) -> set[str]:
    return {run.record.name for run in runs}


@pytest.fixture
def every_kind(tmp_path: Path) -> dict[str, Run]:
    """One of each kind that can be saved."""
    return {
        "two towers": saved(tmp_path, run_config("timestamp"), 0.4),
        "two tasks": judged_run(tmp_path, DATASET, multi_task_config()),
        "sasrec": saved(tmp_path, sequence_config(), 0.3),
        "gru4rec": saved(tmp_path, sequence_config("time_gap", family=Family.GRU4REC), 0.2),
        "baseline": rating_baseline_run(tmp_path, DATASET, Family.RATING_BIAS),
    }


def test_each_purpose_is_served_by_the_models_that_can(every_kind: dict[str, Run], tmp_path: Path) -> None:
    expected = {run.record.name for kind, run in every_kind.items() if kind != "baseline"}
    assert names(suitable_runs(tmp_path, FOR_USERS)) == expected
    histories = suitable_runs(tmp_path, FOR_HISTORIES)
    assert names(histories) == {every_kind[kind].record.name for kind in ("sasrec", "gru4rec")}
    chosen = best_run(histories, FOR_HISTORIES)
    assert chosen.run.record.name == every_kind["sasrec"].record.name
    assert chosen.reason == "the best of 2 models, ndcg@10 30.0 % on validation, leave-last split"
    with pytest.raises(
        MovierecError, match=r"models that recommend are of small, not of 'other'.* --archive PATH$"
    ):
        best_run(suitable_runs(tmp_path, FOR_USERS), FOR_USERS, "other")
    message = r"sequential models, .* are of small, not of 'other'.* sasrec --archive PATH$"
    with pytest.raises(MovierecError, match=message):
        best_run([every_kind["sasrec"]], FOR_HISTORIES, "other")


def test_a_named_run_must_serve_the_purpose(every_kind: dict[str, Run], tmp_path: Path) -> None:
    towers = every_kind["two towers"].record.name
    assert names(suitable_runs(tmp_path, FOR_USERS, "small-time")) == {towers}
    with pytest.raises(MovierecError, match=rf"^{towers} knows the users of its data .* --family sasrec$"):
        suitable_runs(tmp_path, FOR_HISTORIES, towers)
    with pytest.raises(
        MovierecError, match=r"^small-rating-bias-\w+ predicts ratings only .*: movierec train$"
    ):
        suitable_runs(tmp_path, FOR_USERS, "small-rating")
    with pytest.raises(SavedModelError, match="there is no saved model 'x'"):
        suitable_runs(tmp_path, FOR_USERS, "x")


def test_where_none_is_saved_the_command_that_trains_one_is_named(tmp_path: Path) -> None:
    with pytest.raises(MovierecError, match=r"no model that recommends is saved in .*: movierec train$"):
        suitable_runs(tmp_path, FOR_USERS)
    judged_run(tmp_path, DATASET, run_config())
    with pytest.raises(
        MovierecError, match=r"no sequential model, .* first: movierec train --family sasrec$"
    ):
        suitable_runs(tmp_path, FOR_HISTORIES)


def test_a_folder_that_cannot_be_read_is_named_where_there_is_no_other(tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    with pytest.raises(MovierecError, match=r"is saved in .*broken.*run\.json cannot be read"):
        suitable_runs(tmp_path, FOR_USERS)


def test_the_highest_ndcg_on_validation_is_taken_whatever_the_test_says(tmp_path: Path) -> None:
    runs = [
        saved(tmp_path, run_config(feature), recall, of_others=of_others)
        for feature, recall, of_others in (
            ("movie_year", 0.3, 0.9),
            ("None", 0.31, 0.0),
            ("movie_genres", 0.29, 0.9),
        )
    ]
    tested = [
        replace(run, record=replace(run.record, test=replace(NO_TOP_K, recall={100: recall})))
        for run, recall in zip(runs, (0.8, 0.1, 0.7), strict=True)
    ]
    chosen = best_run(tested, FOR_USERS)
    assert chosen.run.record.name == runs[1].record.name
    assert chosen.reason == "the best of 3 models, ndcg@10 31.0 % on validation, random split"


def test_without_validation_the_newest_is_taken(tmp_path: Path) -> None:
    for month, feature in ((3, "movie_genres"), (5, "movie_year"), (4, "None")):
        created = f"2026-0{month}-01T00:00:00+00:00"
        with_ndcg(judged_run(tmp_path, DATASET, run_config(feature), created_at=created), None)
    runs = suitable_runs(tmp_path, FOR_USERS)
    assert {validation_ndcg(run.record) for run in runs} == {None}
    chosen = best_run(runs, FOR_USERS)
    assert chosen.run.record.config.feature_set.label == "movie_year"
    assert chosen.reason == "the newest of 3 models"


def test_of_several_data_sets_one_must_be_named(tmp_path: Path) -> None:
    small = judged_run(tmp_path, DATASET, run_config())
    judged_run(tmp_path, replace(DATASET, name="other", fingerprint="0" * 64), run_config())
    runs = suitable_runs(tmp_path, FOR_USERS)
    with pytest.raises(MovierecError, match=r"are of other, small; say which with --dataset"):
        best_run(runs, FOR_USERS)
    assert best_run(runs, FOR_USERS, "small").run.record.name == small.record.name
    assert [run.record.data.name for run in comparable_runs(runs, FOR_USERS, "other")] == ["other"]


def test_only_models_of_one_split_and_of_the_same_data_compete(tmp_path: Path) -> None:
    """The newest says which: NDCG on another split is another metric."""
    towers = saved(tmp_path, run_config(), 0.2)
    genres = saved(tmp_path, run_config("movie_genres"), 0.3)
    sasrec = with_ndcg(
        judged_run(tmp_path, DATASET, sequence_config(), created_at="2025-01-01T00:00:00+00:00"), 0.9
    )
    older = replace(DATASET, fingerprint="0" * 64)
    with_ndcg(judged_run(tmp_path, older, run_config(), created_at="2025-01-01T00:00:00+00:00"), 0.8)
    chosen = best_run(suitable_runs(tmp_path, FOR_USERS), FOR_USERS)
    assert chosen.run.record.name == genres.record.name
    assert chosen.reason == (
        "the best of 2 models, ndcg@10 30.0 % on validation, random split; 1 evaluated on another split"
    )
    names_of = {run.record.name for run in comparable_runs(suitable_runs(tmp_path, FOR_USERS), FOR_USERS)}
    assert names_of == {run.record.name for run in (towers, genres, sasrec)}


def test_what_leads_through_a_leak_is_passed_over_where_another_is_there_and_the_line_says_so(
    tmp_path: Path,
) -> None:
    leaking = saved(tmp_path, run_config("timestamp"), 0.5)
    assert best_run([leaking], FOR_USERS).reason == (
        "the only one, ndcg@10 50.0 % on validation, random split; it sees the time on a random split"
        " (movierec doctor)"
    )
    honest = saved(tmp_path, run_config(), 0.3)
    chosen = best_run([leaking, honest], FOR_USERS)
    assert chosen.run is honest
    assert chosen.reason == (
        "the best of 2 models, ndcg@10 30.0 % on validation, random split; passed over: timestamp, which sees"
        " the time on a random split and so learns from the future"
    )
    unmeasured = [with_ndcg(run, None) for run in (honest, leaking)]
    assert best_run(unmeasured, FOR_USERS).run is unmeasured[0]
    better = saved(tmp_path, run_config("movie_genres"), 0.6)
    assert best_run([leaking, better], FOR_USERS).reason.endswith("60.0 % on validation, random split")


@pytest.mark.parametrize("kind", [SplitKind.TEMPORAL, SplitKind.LEAVE_LAST])
def test_a_split_by_time_leaks_nothing(tmp_path: Path, kind: SplitKind) -> None:
    split = SplitConfig(kind=kind)
    runs = [
        saved(tmp_path, replace(run_config(feature), split=split), ndcg)
        for feature, ndcg in (("timestamp", 0.4), ("None", 0.3))
    ]
    assert best_run(runs, FOR_USERS).run is runs[0]
