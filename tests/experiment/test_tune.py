"""A whole search with trials that take no time."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from movierec_cli.config.command_options import options_of_command
from movierec_cli.config.filled_settings import trainer_config
from movierec_cli.errors import MovierecError, UsageError
from movierec_cli.experiment.trainer import RunTrainer
from movierec_cli.experiment.trial_ledger import FOLDER
from movierec_cli.experiment.trials import TrialState
from movierec_cli.experiment.tuned import FIRST, Tuned
from movierec_cli.runners.in_process import InProcess
from tests.all_tests import needs
from tests.cli import fake_trainer
from tests.experiment.quick_trials import Fits, Notes, install, searched, worth

needs("optuna")

SPOILED = {"learning_rate": 0.1, "dropout": 0.0, "space": ["learning_rate", "dropout"]}


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> Fits:
    return install(monkeypatch)


def told(tuned: Tuned) -> list[Any]:
    """The trials without their seconds."""
    return [
        (one.number, dict(one.values), one.outcome.state, one.outcome.score, one.outcome.curve)
        for search in tuned.searches
        for one in search.trials
    ]


def test_a_search_from_spoiled_settings_comes_near_the_best(fits: Fits, tmp_path: Path) -> None:
    tuned = searched(tmp_path, trials=40, **SPOILED)
    first, best = tuned.searches[0].trials[0], tuned.winner
    assert dict(first.values) == dict(tuned.searches[0].first)
    assert first.values["learning_rate"] == 0.1 and first.values["dropout"] == 0.0
    assert first.score < 0.22 < 0.28 < (best.mean or 0.0)  # of .3 at most
    assert tuned.searches[0].n_of(TrialState.PRUNED) > 5
    importance = tuned.searches[0].importance
    assert max(importance, key=importance.__getitem__) in ("learning_rate", "dropout")


def test_trials_have_a_seed_each_and_finalists_the_same_seeds(fits: Fits, tmp_path: Path) -> None:
    tuned = searched(tmp_path, trials=6, finalists=2, seeds=2, seed=100)
    seeds = [one.training.seed for one in fits.fitted if one.training]
    assert seeds[:6] == list(range(100, 106))
    assert set(seeds[6:]) == {100, 101} and len(seeds[6:]) == 2 * len(tuned.finalists)
    assert sum(one.is_first for one in tuned.finalists) == 1


def test_the_winner_has_the_highest_mean_and_is_trained_by_its_command(fits: Fits, tmp_path: Path) -> None:
    tuned = searched(tmp_path, trials=15, seeds=2, **SPOILED)
    assert [one.mean for one in tuned.finalists] == sorted(
        (one.mean for one in tuned.finalists), reverse=True
    )
    given = options_of_command(tuned.command)
    assert given == tuned.options
    trainer = RunTrainer(trainer_config({**given, "baselines": ()}))
    assert [run.record.config for run in tuned.runs[:2]] == trainer.run_configs()
    assert all(run.record.command == tuned.command for run in tuned.runs[:2])
    assert len(tuned.runs) == 4 and len(tuned.study.models) == 2


def test_of_trials_nothing_stays_among_the_models(fits: Fits, tmp_path: Path) -> None:
    tuned = searched(tmp_path, trials=12, seeds=1, **SPOILED)
    kept = {path.name for path in tmp_path.iterdir()}
    assert kept == {FOLDER, *(run.record.name for run in tuned.runs)}


@pytest.mark.parametrize("options", [{}, {"select_features": "forward"}], ids=["settings", "features"])
def test_a_search_that_is_killed_again_and_again_has_the_trials_of_one_that_is_not(
    fits: Fits, tmp_path: Path, options: dict[str, Any]
) -> None:
    options = {**(options or SPOILED), "trials": 14, "seeds": 2}
    whole, rng, kills = searched(tmp_path / "whole", **options), random.Random(3), 0
    fits.fitted.clear()
    while True:
        fits.kill_at = rng.randint(1, 25) if kills < 8 else 0
        try:
            killed = searched(tmp_path / "killed", **options)
            break
        except KeyboardInterrupt:
            kills += 1
    assert kills >= 5
    assert told(killed) == told(whole)
    assert killed.finalists == whole.finalists
    assert killed.options | {"saved_models_dir": None} == whole.options | {"saved_models_dir": None}


class Shuffled(InProcess):
    """Hands out as many tasks as there are jobs, and gives back their results in any order."""

    def __init__(self, n_jobs: int, seed: int):
        self.n_jobs, self._rng = n_jobs, random.Random(seed)

    def run(self, task: Any, arguments: Any, **others: Any) -> Iterator[tuple[int, Any]]:
        open_results: list[tuple[int, Any]] = []
        numbered = enumerate(arguments)
        while True:
            while len(open_results) < self.n_jobs and (following := next(numbered, None)) is not None:
                (result,) = super().run(task, [following[1]], **others)
                open_results.append((following[0], result[1]))
            if not open_results:
                return
            yield open_results.pop(self._rng.randrange(len(open_results)))


@pytest.mark.parametrize("options", [{}, {"select_features": "backward"}], ids=["settings", "features"])
def test_several_jobs_do_the_same_trials_whichever_ends_first(
    fits: Fits, tmp_path: Path, options: dict[str, Any]
) -> None:
    found = [
        searched(tmp_path / str(seed), Shuffled(3, seed), trials=20, seeds=1, **(options or SPOILED))
        for seed in range(3)
    ]
    assert told(found[0]) == told(found[1]) == told(found[2])
    assert [one[0] for one in told(found[0])] == list(range(len(told(found[0]))))


def test_the_same_command_goes_on_and_more_trials_are_added(fits: Fits, tmp_path: Path) -> None:
    few = searched(tmp_path, trials=5, **SPOILED)
    fits.fitted.clear()
    notes = Notes()
    again = searched(tmp_path, observer=notes, trials=5, **SPOILED)
    assert not fits.fitted and told(again) == told(few) and again.looks == 0
    assert any("going on after 5 trials" in line for line in notes.lines)
    more = searched(tmp_path, trials=12, **SPOILED)
    assert told(more)[:5] == told(few) and len(told(more)) == 12


def test_another_winner_on_test_is_said_to_be_another_look(fits: Fits, tmp_path: Path) -> None:
    searched(tmp_path, trials=2, seeds=1, finalists=1, **SPOILED)
    tuned = searched(tmp_path, trials=25, seeds=1, finalists=1, **SPOILED)
    assert tuned.looks == 1
    assert any("judged on test before" in sentence for sentence in tuned.answer)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"space": ["learning_rate", "dropout=0..0.5"]}, "the space"),
        ({"num_epochs": 40}, "the first settings"),
        ({"k_core": 2}, "the first settings"),
        ({"metric": "recall@10"}, "metric"),
    ],
)
def test_another_search_begins_anew_and_says_why(
    fits: Fits, tmp_path: Path, changed: dict[str, Any], said: str
) -> None:
    searched(tmp_path, trials=3, seeds=1, **SPOILED)
    fits.fitted.clear()
    notes = Notes()
    searched(tmp_path, observer=notes, trials=3, seeds=1, **{**SPOILED, **changed})
    (line,) = [line for line in notes.lines if "A new search" in line]
    assert said in line and "3 trials" in line
    assert len(fits.fitted) >= 3


def test_trials_that_cannot_be_trained_are_kept_apart(fits: Fits, tmp_path: Path) -> None:
    tuned = searched(tmp_path, trials=30, seeds=1, space={"learning_rate": "0.001..10:log"})
    (search,) = tuned.searches
    failed = [one for one in search.trials if one.outcome.state is TrialState.FAILED]
    assert failed and all(one.outcome.problem == "training diverged" for one in failed)
    assert len(failed) < 15  # TPE keeps away from them
    with pytest.raises(MovierecError, match="none of 3 trials finished; the first failed: training diverged"):
        searched(tmp_path, trials=3, space={"learning_rate": "1..10"})


def test_settings_that_do_not_go_together_are_a_failed_trial(fits: Fits, tmp_path: Path) -> None:
    tuned = searched(
        tmp_path, trials=12, seeds=1, space={"loss": "catalogue,in-batch", "weighting": "ratings,root"}
    )
    failed = [one for one in tuned.searches[0].trials if one.outcome.problem]
    assert failed and all("weighting" in one.outcome.problem for one in failed)


def test_first_settings_out_of_the_space_are_no_trial_but_a_finalist(fits: Fits, tmp_path: Path) -> None:
    tuned = searched(tmp_path, trials=4, seeds=1, space={"dropout": "0.6..0.7"})
    (first,) = [one for one in tuned.finalists if one.is_first]
    assert first.number == FIRST and first is tuned.winner
    assert "No trial is better than the first settings" in tuned.answer[0]
    assert len(tuned.study.models) == 1


def test_each_family_has_its_trials_and_the_best_of_all_wins(fits: Fits, tmp_path: Path) -> None:
    tuned = searched(
        tmp_path, trials=4, seeds=1, families="two-tower hybrid", space={"l2": "0.1..1", "dropout": "0..0.5"}
    )
    assert [len(one.trials) for one in tuned.searches] == [4, 4]
    assert "l2" in tuned.searches[0].space and "dropout" in tuned.searches[1].space
    assert tuned.winner.family == "hybrid"  # whose usual features are worth something
    assert tuned.options["family"] == "hybrid" and "family hybrid" in tuned.command


def test_no_trial_begins_after_the_time(fits: Fits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("movierec_cli.experiment.tune.time.monotonic", lambda: clock[0])
    fit = fits.__call__

    def slow(fitting: Any) -> Any:
        clock[0] += 10.0
        return fit(fitting)

    monkeypatch.setattr("movierec_cli.experiment.trials.fit_run", slow)
    tuned = searched(tmp_path, timeout="55s", seeds=1, finalists=1)
    assert len(tuned.searches[0].trials) == 6


def test_forward_selection_is_the_greedy_walk_by_hand(fits: Fits, tmp_path: Path) -> None:
    candidates = ["movie_genres", "movie_year", "user_gender"]
    tuned = searched(
        tmp_path, trials=50, seeds=1, select_features="forward", feature_sets=[candidates], pruning=False
    )
    sets = [str(one.values["additional_feature_sets"]).split() for one in tuned.searches[0].trials]
    assert sets == [
        ["None"],
        ["movie_genres"],
        ["movie_year"],
        ["user_gender"],
        ["movie_genres", "movie_year"],
        ["movie_genres", "user_gender"],
        ["movie_genres", "movie_year", "user_gender"],
    ]
    assert tuned.winner.values == {"additional_feature_sets": "movie_genres movie_year"}
    assert "--additional_feature_sets movie_genres movie_year" in tuned.command
    assert any("too good by the choice" in sentence for sentence in tuned.answer)


def test_backward_selection_takes_away_what_does_harm(fits: Fits, tmp_path: Path) -> None:
    tuned = searched(tmp_path, seeds=1, select_features="backward", pruning=False)
    (search,) = tuned.searches
    first = str(search.trials[0].values["additional_feature_sets"]).split()
    assert {"movie_genres", "movie_year", "user_gender"} <= set(first)
    assert not {"timestamp", "movie_length"} & set(first)  # on a random split; not named
    kept = str(tuned.winner.values["additional_feature_sets"]).split()
    assert {"movie_genres", "movie_year"} <= set(kept) and "user_gender" not in kept


def test_the_validation_figure_is_that_of_the_kept_epoch(fits: Fits, tmp_path: Path) -> None:
    tuned = searched(tmp_path, trials=3, seeds=1, metric="recall@10", pruning=False)
    for one in tuned.searches[0].trials:
        assert one.outcome.epoch == 50 and dict(one.outcome.curve)[50] == one.score
    assert tuned.metric == "recall@10" == tuned.study.headline
    best = max(worth(one) for one in fits.fitted[:3])
    assert max(one.score for one in tuned.searches[0].trials) == pytest.approx(best / 2, rel=0.01)
    with pytest.raises(UsageError, match="map@10 is not measured on validation"):
        searched(tmp_path, metric="map@10")


def test_nothing_is_loaded_before_wrong_options_are_refused(fits: Fits, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        searched(tmp_path, space=["foo=1"])
    assert not fake_trainer.loaded and not list(tmp_path.iterdir())
