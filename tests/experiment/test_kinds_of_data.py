"""Data without times, without ratings, of another scale, without what a feature needs, or of no movies."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from movierec_cli.config import DEFAULT_FEATURE_SETS, Family, FeatureSet, SplitConfig, SplitKind, TaskWeights
from movierec_cli.config.trainer_config import TrainerConfig
from movierec_cli.data.dataset import Dataset, RatingScale
from movierec_cli.data.split_data import split_data
from movierec_cli.errors import MovierecError
from movierec_cli.experiment.comparison import compare_runs
from movierec_cli.experiment.main_job import ListRequest, lists_of
from movierec_cli.experiment.study import Evaluated
from movierec_cli.experiment.trainer import RunTrainer, train_or_load
from movierec_cli.leakage.data_checks import check_data
from movierec_cli.models.feature_encodings import told_sets
from movierec_cli.models.observer import TrainingObserver
from movierec_cli.models.trained import Fitting, fit_run
from movierec_cli.registry.record import RunConfig
from movierec_cli.reports.terminal.study_text import study_text
from movierec_cli.reports.web.report_page import report_page
from tests.cli.running import run, words
from tests.reports.terminal import printed
from tests.saved_runs import judged_run, multi_task_config, run_config
from tests.small_dataset import small_dataset

EVERYTHING = small_dataset("own")


def without_times(second: int = 978_300_000) -> Dataset:
    times = np.full(len(EVERYTHING.ratings), second)
    return replace(EVERYTHING, ratings=replace(EVERYTHING.ratings, timestamp=times))


def without_ratings(dataset: Dataset = EVERYTHING) -> Dataset:
    ones = np.ones(len(dataset.ratings), np.float32)
    return replace(dataset, ratings=replace(dataset.ratings, rating=ones, scale=None))


def on_scale(lowest: float, highest: float) -> Dataset:
    """The same ratings, whose one to five stars are spread over another scale."""
    stars = EVERYTHING.ratings.rating
    rating = (lowest + (highest - lowest) * (stars - 1) / 4).astype(np.float32)
    ratings = replace(EVERYTHING.ratings, rating=rating, scale=RatingScale(lowest, highest))
    return replace(EVERYTHING, ratings=ratings)


def bare() -> Dataset:
    """Things with nothing but an id, and who chose them."""
    movies, n = EVERYTHING.movies, len(EVERYTHING.movies)
    things = replace(
        movies,
        title=np.array([str(one) for one in movies.movie_id], object),
        year=np.zeros(n, np.int16),
        genres=np.zeros((n, 0), bool),
        genre_names=(),
        length_minutes=None,
    )
    return replace(without_ratings(without_times(0)), movies=things, noun="item")


class Listener(TrainingObserver):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def noted(self, message: str) -> None:
        self.notes.append(message)


def test_the_default_sets_drop_what_the_data_lack_in_one_line_and_merge() -> None:
    listener = Listener()
    trainer = RunTrainer(TrainerConfig(), listener, source=without_times())
    assert [one.label for one in trainer.feature_sets] == [
        *("None", "movie_genres", "movie_title_text + movie_genres", "movie_genres + movie_year")
    ]
    dropped = "timestamp, week and user_tenure (every rating has the same time)"
    assert listener.notes == [f"The default feature sets are without {dropped}."]
    only_ids, why = told_sets(bare(), DEFAULT_FEATURE_SETS)
    assert only_ids == (FeatureSet(),)
    assert "movie_genres (no item has genres)" in why and "movie_title_text (no item has a title)" in why
    assert told_sets(EVERYTHING, DEFAULT_FEATURE_SETS) == (DEFAULT_FEATURE_SETS, "")


@pytest.mark.parametrize(
    ("dataset", "feature", "cause"),
    [
        (
            without_times(),
            "week",
            "every rating has the same time; if a column has it, .*--columns timestamp=NAME",
        ),
        (bare(), "movie_genres", r"no item has genres; .*--columns items\.genres=NAME"),
        (bare(), "movie_year", "no item has a year"),
        (bare(), "movie_title_text", "no item has a title"),
        (bare(), "movie_length", "no item has a length; name IMDb's list"),
        (
            replace(EVERYTHING, users=replace(EVERYTHING.users, is_male=None)),
            "user_gender",
            "no user has a gender",
        ),
        (replace(without_times(), name="100k"), "timestamp", r"every rating has the same time\); it has"),
    ],
)
def test_a_named_feature_that_nothing_has_is_refused_before_training(
    dataset: Dataset, feature: str, cause: str, tmp_path: Path
) -> None:
    data = split_data(dataset, SplitConfig())
    wanted = [run_config(), run_config(feature)]
    with pytest.raises(MovierecError, match=rf"has no {feature} \({cause}"):
        train_or_load(data, wanted, tmp_path, TrainingObserver())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", [SplitKind.TEMPORAL, SplitKind.LEAVE_LAST, SplitKind.WINDOWS])
def test_a_split_by_time_needs_times(kind: SplitKind) -> None:
    message = rf"^--split {kind} needs times, and the data have none \(every rating has the same time\)"
    with pytest.raises(MovierecError, match=message):
        split_data(without_times(), SplitConfig(kind=kind))


@pytest.mark.parametrize(
    ("dataset", "changes", "message"),
    [
        (
            without_times(0),
            {"family": Family.SASREC, "split": SplitConfig(kind=SplitKind.LEAVE_LAST)},
            r"^--family sasrec learns the order .* no rating has a time, or each has time 0",
        ),
        (
            without_times(),
            {"baselines": (Family.EASE, Family.RECENT_POPULARITY)},
            r"^--baselines recent-popularity counts how often .* last days, .* same time\); leave it",
        ),
        (
            without_ratings(),
            {"tasks": (TaskWeights(),)},
            "^--tasks rating needs ratings, and the data have none",
        ),
        (
            without_ratings(),
            {"split": SplitConfig(min_rating=1)},
            "^--min_rating 1 needs ratings, and the data have",
        ),
    ],
)
def test_what_needs_a_missing_kind_of_values_is_refused_by_name(
    dataset: Dataset, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(MovierecError, match=message.replace(" no rating", r" \(no rating")):
        _ = RunTrainer(TrainerConfig(**changes), source=dataset).data


def test_min_rating_is_on_the_scale_of_the_data() -> None:
    dataset = on_scale(-10, 10)
    kept = split_data(dataset, SplitConfig(min_rating=-5)).dataset.ratings.rating
    assert kept.tolist() == [one for one in dataset.ratings.rating.tolist() if one >= -5]
    assert 0 < len(kept) < len(dataset.ratings)


# what is told of them


def told(dataset: Dataset, folder: Path, *configs: RunConfig) -> str:
    """All that a terminal and a page say of runs, and what they recommend."""
    runs = [judged_run(folder / "saved_models", dataset, one, seed=i) for i, one in enumerate(configs)]
    data = split_data(dataset, configs[0].split)
    rated = [Evaluated(one, one.rating_outcome) for one in runs if one.record.config.tasks]
    study = compare_runs(
        data,
        [Evaluated(one, one.outcome) for one in runs],
        rated=rated,
        findings=check_data(data.dataset, data.split, data.config, [one.feature_set for one in configs]),
        user_lists=lists_of(dataset, runs, ListRequest((3,))),
    )
    page = re.sub(r"(?s)<(script|style).*?</\1>", "", report_page(study))
    commands = ["recommend --user 3 --why", "similar 105", "recommend --user 3 --genre War", "similar 5"]
    name = runs[0].record.name
    shown = [
        run(f"{command} --model {name} --saved_models_dir {folder / 'saved_models'}") for command in commands
    ]
    explored = run(
        f"explore --model {name} --saved_models_dir {folder / 'saved_models'} -o {folder / 'x.html'}"
    )
    assert explored.exit_code == 0, explored.output
    shown.append(run(f"models show {name} --saved_models_dir {folder / 'saved_models'}"))
    terminal = printed(lambda console: study_text(study, console, with_segments=True), 200)
    return "\n".join([terminal, page, *(words(one.output) for one in shown)])


def test_things_without_times_and_ratings_are_neither_movies_nor_starred_nor_dated(tmp_path: Path) -> None:
    text = told(bare(), tmp_path, run_config(), run_config("user_gender"))
    plain = re.sub(r"movierec\w*|movie_id|id:\d+|\S*movierec\S*", "", text)
    assert not re.findall(r".{30}\b[Mm]ovies?\b.{30}", plain)
    assert not re.findall(r".{30}(?:★|\bstars?\b|1970|the future).{30}", plain)
    for said in (
        "310 interactions of 40 items by 20 users",
        "heavy: over 14 interactions",
        "User 3 knows 8 items",
        "there is no genre 'War'",
    ):
        assert said in words(plain)
    page = (tmp_path / "x.html").read_text()
    assert '"noun": "item"' in page and '"has_ratings": false' in page
    assert "Find an item, or a user (user 42)" in page


def test_movies_are_still_movies_with_stars_and_dates(tmp_path: Path) -> None:
    text = words(told(EVERYTHING, tmp_path, multi_task_config()))
    assert "310 ratings of 40 movies by 20 users" in text and "User 3 rated 8 movies" in text
    assert "5 ★" in text and "off by stars" in text and "2001-09-" in text


def test_ratings_on_another_scale_are_not_called_stars(tmp_path: Path) -> None:
    text = words(told(on_scale(0, 100), tmp_path, multi_task_config()))
    assert "100 2001-09-" in text and "off by rating points" in text
    assert not re.findall(r".{30}(?:★|\bstars?\b).{30}", text.replace('class="stars"', ""))
    predicted = run(f"predict --user 3 --movie 105 --saved_models_dir {tmp_path / 'saved_models'}")
    assert " of 100 " in words(predicted.output)


@pytest.mark.parametrize(
    ("dataset", "command", "message"),
    [
        (
            without_ratings(),
            "predict --user 3 --movie 105",
            "nor can another model of 'own': the data have no ratings",
        ),
        (without_ratings(), "recommend --user 3 --rank_by blend", "the data have no ratings"),
        (without_times(), "recommend --user 3 --as_of 2001-05-01", "--as_of needs times, and 'own'"),
        (without_times(), "recommend --watched 105", "the data have no times"),
        (bare(), "recommend --user 3 --year 1990s", "--year finds nothing: no item of"),
        (bare(), "recommend --user 3 --genre War", "no item of this model has genres"),
    ],
)
def test_saved_models_say_what_their_data_lack(
    dataset: Dataset, command: str, message: str, tmp_path: Path
) -> None:
    judged_run(tmp_path, dataset, run_config())
    result = run(f"{command} --dataset own --saved_models_dir {tmp_path}")
    assert result.exit_code == 1 and message in words(result.output)


# scales and events


@pytest.mark.parametrize("scale", [(-10.0, 10.0), (0.0, 100.0), (1.0, 10.0)])
def test_predictions_are_the_same_on_every_scale(scale: tuple[float, float], tmp_path: Path) -> None:
    def predicted(dataset: Dataset) -> np.ndarray:
        data = split_data(dataset, SplitConfig())
        config = RunConfig(family=Family.RATING_BIAS, split=data.config)
        parts = fit_run(Fitting(dataset, data.split, config, TrainingObserver(), tmp_path)).parts
        assert parts.rating_outcome is not None
        np.testing.assert_array_equal(parts.rating_outcome.rating, dataset.ratings.rating[data.split.test])
        return parts.rating_outcome.predicted

    # 4.5 stars are the whole scale, of which one to five are four
    lowest, highest = scale
    stars = replace(EVERYTHING.ratings, rating=0.5 + (EVERYTHING.ratings.rating - 1) * np.float32(4.5 / 4))
    expected = lowest + (highest - lowest) * (predicted(replace(EVERYTHING, ratings=stars)) - 0.5) / 4.5
    found = predicted(on_scale(*scale))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * (highest - lowest))
    assert found.min() >= lowest and found.max() <= highest and len(np.unique(found)) > 5
