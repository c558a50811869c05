"""What every family must do: fit, save, load, and answer from what is saved as it did when it was judged."""

import importlib.metadata
import pkgutil
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from movierec_cli.config import Family, FeatureSet, TrainerConfig, default_settings
from movierec_cli.config.families import Scoring, fitting_spec
from movierec_cli.contract.claims import BrokenError, Check, Claim, judged, require
from movierec_cli.data.dataset import Dataset, id_at
from movierec_cli.data.ragged import movies_of_users
from movierec_cli.data.split_data import SplitData, split_data
from movierec_cli.evaluation.best_lists import best_of_rows
from movierec_cli.experiment.trainer import RunTrainer, train_or_load
from movierec_cli.models.baselines.baseline import Baseline, Scorer, TrainingRatings
from movierec_cli.models.observer import TrainingObserver
from movierec_cli.models.trained import fit_of
from movierec_cli.recommend.explanation import explain
from movierec_cli.recommend.fold_in import Opinions
from movierec_cli.recommend.recommend import recommend
from movierec_cli.recommend.users import User, new_user, user_of
from movierec_cli.records import dataclass
from movierec_cli.registry.record import DataIdentity, RunConfig
from movierec_cli.registry.store import Run, find_run, load_run

NUM_EPOCHS = 2
"""Of a trained family: enough to have one that is not the first."""
_N_USERS = 50  # whose lists are compared
_TOP = 10
_SAME_LISTS = 0.98  # of the users; sums of many numbers differ by their order

_Rows = npt.NDArray[np.int64]


def check_family(family: Family, source: Dataset, folder: Path) -> list[Claim]:
    """Judges a family by its runs on a data set; a trained one is trained for `NUM_EPOCHS` without features.

    Args:
        family: built in or of a package.
        source: the data set.
        folder: for saved models, empty.
    """
    return list(judged(_Checks(family, source, folder).all()))


@dataclass
class _Checks:
    family: Family
    source: Dataset
    folder: Path

    def all(self) -> Iterator[tuple[str, Check]]:
        yield "names what fits it, and its packages", self.is_found
        if self.family.is_baseline and self.family.ranks:
            yield "scores all movies for any users", self.scores_all
        yield "is fitted, judged and saved", self.is_saved
        yield "is loaded as it was saved", self.is_loaded
        yield "fitted again, gives the same numbers", self.is_the_same_again
        if self.family.ranks:
            yield "saved, ranks as it did when it was judged", self.ranks_alike
            yield "recommends what a user of the data has not seen, best first", self.recommends
            yield "recommends to a new user by what they like", self.recommends_to_new_users
            yield "says of what a score is made", self.explains
        if self.family.rates:
            yield "predicts ratings on the scale of the data", self.predicts

    @cached_property
    def data(self) -> SplitData:
        settings = default_settings(self.family) if self.family.is_trained else default_settings()
        return split_data(self.source, settings.split)

    @cached_property
    def run(self) -> Run:
        """As it is fitted."""
        return self.fitted_in(self.folder / "first")

    def fitted_in(self, folder: Path) -> Run:
        if not self.family.is_trained:
            configs = [RunConfig(family=self.family, split=self.data.config)]
            found = train_or_load(self.data, configs, folder, TrainingObserver())
            require(found, "it was left out: the data set is too large for it")
            return found[0]
        settings = default_settings(self.family)
        config = TrainerConfig(
            family=self.family,
            feature_sets=(FeatureSet(),),
            split=settings.split,
            model=settings.model,
            training=replace(settings.training, num_epochs=NUM_EPOCHS, validation_freq=1),
            baselines=(),
            saved_models_dir=folder,
        )
        return RunTrainer(config, source=self.source).run()[0]

    @cached_property
    def loaded(self) -> Run:
        """As it is saved."""
        return load_run(self.run.folder)

    def is_found(self) -> None:
        spec = fitting_spec(self.family)
        require(spec.label, "its label is empty")
        require(callable(fit_of(self.family)), f"its fit '{spec.fit}' is no function")
        if spec.baseline:
            found = pkgutil.resolve_name(spec.baseline)
            is_one = isinstance(found, Baseline)
            require(is_one, f"'{spec.baseline}' is of type {type(found).__name__}, not a Baseline")
            require(found.grid, "its grid has no settings; of a family without any, it is ({},)")
        else:
            trained = "it is no baseline, so it needs a kind and a model: it is trained"
            require(spec.kind is not None and spec.model is not None, trained)
        for package in spec.packages:
            try:
                importlib.metadata.version(package)
            except importlib.metadata.PackageNotFoundError:
                raise BrokenError(f"it names the package '{package}', which is not installed") from None

    def scores_all(self) -> None:
        dataset = self.data.dataset
        found: Baseline[Scorer] = pkgutil.resolve_name(fitting_spec(self.family).baseline)
        model = found.prepare(TrainingRatings.of(dataset, self.data.split.train))(found.grid[0])
        users = np.arange(min(_N_USERS, len(dataset.users)))
        scores, shape = model.score_users(users), (len(users), len(dataset.movies))
        fits = scores.shape == shape and scores.dtype == np.float32
        require(fits, f"its scores are {scores.dtype} {scores.shape}, not float32 {shape}")
        n_wrong = int((~np.isfinite(scores)).sum())
        require(n_wrong == 0, f"{n_wrong} of {scores.size} scores are not finite")

    def is_saved(self) -> None:
        require(self.run.folder.is_dir(), "its run has no folder")

    def is_loaded(self) -> None:
        record = self.run.record
        require(self.loaded.record == record, "its record is another")
        again = find_run(self.run.folder.parent, record.config, DataIdentity.of(self.data.dataset))
        require(again is not None, "it is not found under its configuration")
        self.loaded.parts()

    def is_the_same_again(self) -> None:
        again = self.fitted_in(self.folder / "second")
        if self.family.ranks:
            same = np.array_equal(again.outcome.top_movies, self.run.outcome.top_movies)
            require(same, "its lists are others; seed what is drawn at random")
        if self.family.rates:
            first, second = (one.rating_outcome.predicted for one in (self.run, again))
            require(np.array_equal(first, second), "its predictions are others; seed what is drawn at random")

    @property
    def users(self) -> _Rows:
        """Some of those who were tested and have training ratings."""
        return self.run.outcome.warm.users[:_N_USERS].astype(np.int64)

    def ranks_alike(self) -> None:
        warm, scorer = self.loaded.outcome.warm, self.loaded.scorer
        scores = scorer.scores(scorer.users(self.users)).copy()  # [n, n_movies]
        require(np.isfinite(scores).all(), "some scores are not finite")
        row, place = (seen := movies_of_users(self.data.dataset, self.data.split.fit)).places(self.users)
        scores[row, seen.values[place]] = -np.inf
        judged_lists = warm.top_movies[: len(self.users), :_TOP]
        same = (best_of_rows(scores, _TOP) == judged_lists).all(axis=1).mean()
        way = self.family.spec.scoring.name
        require(
            same >= _SAME_LISTS,
            f"{1 - same:.0%} of the users get another list than when it was judged; its scoring is"
            f" Scoring.{way}, and what it keeps must give the same scores in that way",
        )

    def user(self) -> User:
        return user_of(self.loaded, id_at(self.loaded.artifacts.user_ids, int(self.users[0])))

    def recommends(self) -> None:
        self.require_list(self.user())

    def recommends_to_new_users(self) -> None:
        liked = np.argsort(-self.loaded.popularity, kind="stable")[:3]
        self.require_list(new_user(self.loaded, Opinions(liked, liked[:0])))

    def require_list(self, user: User) -> None:
        found = recommend(self.loaded, user, top=_TOP)
        scores = np.array([movie.score for movie in found.movies])
        require(len(scores) == _TOP, f"the list has {len(scores)} movies, not {_TOP}")
        require(np.isfinite(scores).all() and (np.diff(scores) <= 0).all(), "the list is not best first")
        require(not {*found.rows} & {*user.movies.tolist()}, "the list has movies that the user knows")

    def explains(self) -> None:
        if self.family.spec.scoring is Scoring.POPULARITY:
            return  # all of it is popularity
        user = self.user()
        rows = recommend(self.loaded, user, top=3).rows
        for one in explain(self.loaded, user, rows):
            parts = one.average + sum(part for _, part in one.of_movies) + one.rest
            same = abs(parts - one.score) <= 1e-3 * max(1.0, abs(one.score))
            require(same, f"a score is {one.score:g}, and its parts add up to {parts:g}")

    def predicts(self) -> None:
        predicted, scale = self.loaded.rating_outcome.predicted, self.data.dataset.ratings.scale
        require(np.isfinite(predicted).all(), "some predictions are not finite")
        if scale is not None:
            inside = (predicted >= scale.lowest) & (predicted <= scale.highest)
            require(inside.all(), f"a prediction is {predicted[~inside][:1]}, and the scale is {scale}")
