"""A saved model, to be asked from Python; what it answers are data frames."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import field
from functools import cached_property
from pathlib import Path
from typing import Any, Unpack

import polars as pl

from movierec_cli.api.comparing import compared, metrics_of
from movierec_cli.api.keywords import CompareKeywords, FilterKeywords, RecommendKeywords
from movierec_cli.config import TrainerConfig
from movierec_cli.config.idle_options import IDLE_OPTIONS, refuse_idle
from movierec_cli.config.train_options import Given, options_of_all, part_of, read_options
from movierec_cli.data.dataset import Dataset, Id
from movierec_cli.recommend.cautions import LISTED, hardly_known
from movierec_cli.recommend.filter_options import FilterOptions
from movierec_cli.recommend.filters import Filters
from movierec_cli.recommend.list_options import Finder, Length, Order, PairOptions, UserOptions, parse_users
from movierec_cli.recommend.many_users import UserSelection, recommend_all
from movierec_cli.recommend.meant_movies import finder
from movierec_cli.recommend.recommend import check_diversity, recommend
from movierec_cli.recommend.response import similar_movies
from movierec_cli.recommend.run_choice import FOR_EMBEDDINGS
from movierec_cli.recommend.together import SharedMovie, people_of, recommend_together
from movierec_cli.recommend.users import no_user_of
from movierec_cli.records import dataclass
from movierec_cli.registry.record import RunRecord
from movierec_cli.registry.store import Run, find_named
from movierec_cli.reports.web.markup import tag

logger = logging.getLogger(__name__)

RECOMMEND_OPTIONS = options_of_all((UserOptions, FilterOptions, Length, Order))
SIMILAR_OPTIONS = options_of_all((FilterOptions, Length))
PREDICT_OPTIONS = options_of_all((PairOptions,))

_LIST = {"user": None, "place": pl.Int32, "movie_id": None, "title": pl.String, "genres": pl.List(pl.String)}
_IS_NEW = {"is_new": pl.Boolean}


@dataclass(frozen=True)
class SavedRun:
    """One model of a study, saved in a folder. Equal settings and data are one run.

    Attributes:
        run: the model's record and arrays.
        source: the data set that it was trained on, where that is at hand.
    """

    run: Run
    source: Dataset | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """Of the run, which is its folder's."""
        return self.run.record.name

    @property
    def label(self) -> str:
        """For people: "timestamp + movie_genres", "EASE"."""
        return self.run.record.config.label

    @property
    def record(self) -> RunRecord:
        """Its settings, its data, and how its training went."""
        return self.run.record

    @property
    def folder(self) -> Path:
        """Where it is saved."""
        return self.run.folder

    def recommend(self, **options: Unpack[RecommendKeywords]) -> pl.DataFrame:
        """What to watch next, best first, for a user of the data, many of them, or a new one.

        >>> run.recommend(user=1, top=3, genre="Drama")["place"].to_list()
        [1, 2, 3]
        >>> run.recommend(liked=["id:1", "id:2"], top=5).height
        5

        Args:
            options: as those of `movierec recommend`: for whom (`user=1`, `liked=["Alien"]`, `watched`,
                `users`), how many (`top`), which movies (`genre`, `year`), in which order (`rank_by`).

                One list for several people is had by `together=[1, 42, "Ann=Alien; Heat"]`, and `fairness`.

        Returns:
            columns user (null for a new user), place from 1, movie_id, title, genres, score, stars
            (predicted; null of a model that predicts none) and is_new (nobody rated it in training), a row a
            movie. Of several people: place, movie_id, title, genres, score, chosen_by (null unless they
            choose in turns), places, a struct with the movie's place for each, by name, and is_new.

        Raises:
            MovierecError: in the words of the command: a user or a movie is unknown, or a value is wrong.
        """
        given = _checked(_with_people(options), RECOMMEND_OPTIONS)
        order, top = part_of(Order, given), part_of(Length, given).top
        check_diversity(order.diversity)
        asked: UserOptions = part_of(UserOptions, given)
        request = part_of(FilterOptions, given).checked(include_seen=order.include_seen)
        filters = request.of(self.run.catalogue, self.record.data.noun)
        if asked.users is not None:
            return self._to_many(parse_users(asked.users), top, filters)
        if asked.together:
            return self._together(asked, order, top, filters)
        user, _ = asked.on(self.run, self._find, logger.info)
        found = recommend(
            self.run, user, top=top, filters=filters, diversity=order.diversity, rank_by=order.rank_by
        )
        self._tell(hardly_known(self.run, found.rows, LISTED))
        rows = (
            (
                found.user_id,
                place,
                one.movie_id,
                one.title,
                list(one.genres),
                one.score,
                one.stars,
                one.is_new,
            )
            for place, one in enumerate(found.movies, start=1)
        )
        return self._frame(rows, _LIST | {"score": pl.Float64, "stars": pl.Float64} | _IS_NEW)

    def similar(self, title: Id, **options: Unpack[FilterKeywords]) -> pl.DataFrame:
        """What the model places nearest to a movie, the nearest first.

        >>> run.similar("id:1", top=2).columns
        ['place', 'movie_id', 'title', 'genres', 'similarity', 'is_new']

        Args:
            title: its title, with or without the year, or its id.
            options: as those of `movierec similar`: which movies, and how many (`top`).

        Returns:
            columns place, movie_id, title, genres, similarity and is_new (nobody rated it in training).

        Raises:
            MovierecError: as the command: the title fits no movie.
        """
        given = _checked(options, SIMILAR_OPTIONS)
        noun = self.record.data.noun
        filters = part_of(FilterOptions, given).checked(include_seen=True).of(self.run.catalogue, noun)
        (row,) = self._find([str(title)], self.run.catalogue, "title", noun)
        found = similar_movies(self.run, row, top=part_of(Length, given).top, filters=filters)
        self._tell(found.cautions)
        rows = (
            (place, one.movie_id, one.title, list(one.genres), one.similarity, one.is_new)
            for place, one in enumerate(found.movies, start=1)
        )
        columns = {name: kind for name, kind in _LIST.items() if name != "user"}
        return self._frame(rows, columns | {"similarity": pl.Float64} | _IS_NEW)

    def predict(
        self,
        user: Id | None = None,
        movie: Id | Sequence[Id] | None = None,
        *,
        ratings_file: str | Path | None = None,
        pairs: str | Path | None = None,
    ) -> pl.DataFrame:
        """How many stars users would give movies.

        Args:
            user: of the data.
            movie: titles or ids, one or several.
            ratings_file: in place of a user, a new one's own ratings.
            pairs: in place of all of them, a file with the columns user and movie.

        Returns:
            columns user, movie_id, title, stars, and given: the user's own rating, null where there is none.

        Raises:
            MovierecError: as `movierec predict`: the model predicts no ratings, or a name is unknown.
        """
        given = _checked(
            {"user": user, "movie": movie, "ratings_file": ratings_file, "pairs": pairs}, PREDICT_OPTIONS
        )
        batch = part_of(PairOptions, given).predicted(self.run, self._find, logger.info)
        for warning in batch.warnings:
            logger.warning(warning)
        rows = ((one.user_id, one.movie_id, one.title, one.stars, one.given) for one in batch.wanted)
        columns = {"user": None, "movie_id": None, "title": pl.String}
        return self._frame(rows, columns | {"stars": pl.Float64, "given": pl.Float64})

    def evaluate(self, **options: Unpack[CompareKeywords]) -> pl.DataFrame:
        """How well it does on test ratings, its own or those of another split that it has not seen.

        >>> run.evaluate()["metric"].to_list()[:2]
        ['ndcg@10', 'recall@10']

        Args:
            options: as of `compare`.

        Returns:
            columns metric, mean, low and high: a 95 % interval over users.

        Raises:
            MovierecError: as `movierec evaluate`.
        """
        metrics = metrics_of(compared([self.run], self.source, options))
        return metrics.filter(pl.col("runs").list.contains(self.name)).drop("model", "runs")

    def user_embeddings(self) -> pl.DataFrame:
        """The users as vectors, at their last training rating: columns user, embedding (float32).

        >>> run.user_embeddings().columns
        ['user', 'embedding']

        Raises:
            MovierecError: the model has none.
        """
        return self._embeddings("user", self.run.artifacts.user_ids, self.run.artifacts.user_embeddings)

    def item_embeddings(self) -> pl.DataFrame:
        """The movies as vectors: columns movie_id, title, embedding (float32).

        Raises:
            MovierecError: the model has none.
        """
        arrays = self.run.artifacts
        titles = pl.Series("title", self.run.catalogue.title.tolist(), pl.String)
        return self._embeddings("movie_id", arrays.movie_ids, arrays.movie_embeddings).insert_column(
            1, titles
        )

    def _together(self, asked: UserOptions, order: Order, top: int, filters: Filters) -> pl.DataFrame:
        people = people_of(asked, self.run, self._find, logger.info)
        found = recommend_together(
            self.run, people, fairness=order.fairness, top=top, filters=filters, diversity=order.diversity
        )
        self._tell(found.cautions)
        names = [one.name for one in people]

        def by_name(movie: SharedMovie) -> dict[str, int]:
            return dict(zip(names, movie.places, strict=True))

        rows = (
            (
                *(place, one.movie_id, one.title, list(one.genres)),
                *(one.score, one.chosen_by, by_name(one), one.is_new),
            )
            for place, one in enumerate(found.movies, start=1)
        )
        columns = {name: kind for name, kind in _LIST.items() if name != "user"}
        places = pl.Struct(dict.fromkeys(names, pl.Int32))
        own = {"score": pl.Float64, "chosen_by": pl.String, "places": places}
        return self._frame(rows, columns | own | _IS_NEW)

    @property
    def _find(self) -> Finder:
        """Says as a warning where it is not certain which movie is meant."""
        return finder(self.run, logger.warning)

    def _tell(self, cautions: Iterable[str]) -> None:
        for sentence in cautions:
            logger.info(sentence)

    def _to_many(self, users: UserSelection, top: int, filters: Any) -> pl.DataFrame:
        run = self.run
        batch = users.among(
            run.artifacts.user_ids, lambda one: no_user_of(run, one), run.record.data.reading.columns
        )
        for warning in batch.warnings:
            logger.warning(warning)
        genres = dict(zip(run.catalogue.movie_id.tolist(), self._genres, strict=True))
        found = recommend_all(run, batch.wanted, top=top, filters=filters)
        self._tell(found.cautions)
        rows = (
            (user, place, movie_id, title, genres[movie_id], score, None, is_new)
            for user, movies in found.lists()
            for place, (movie_id, title, score, is_new) in enumerate(movies, start=1)
        )
        return self._frame(rows, _LIST | {"score": pl.Float64, "stars": pl.Float64} | _IS_NEW)

    @cached_property
    def _genres(self) -> list[list[str]]:
        names, has = self.run.catalogue.genre_names, self.run.catalogue.genres
        return [[name for name, one in zip(names, row, strict=True) if one] for row in has]

    def _frame(self, rows: Any, columns: dict[str, Any]) -> pl.DataFrame:
        """A frame of rows; ids are whole numbers or texts as in the data."""
        arrays = self.run.artifacts
        ids = {"user": arrays.user_ids, "movie_id": arrays.movie_ids}
        kinds = {name: pl.String if one.dtype == object else pl.Int64 for name, one in ids.items()}
        schema = {name: kind or kinds[name] for name, kind in columns.items()}
        return pl.DataFrame(list(rows), schema, orient="row")

    def _embeddings(self, name: str, ids: Any, vectors: Any) -> pl.DataFrame:
        FOR_EMBEDDINGS.require(self.record)
        kind = pl.Array(pl.Float32, vectors.shape[1])
        return pl.DataFrame([pl.Series(name, ids.tolist()), pl.Series("embedding", vectors, kind)])

    def _repr_html_(self) -> str:
        """For notebooks."""
        record = self.record
        facts = {
            "run": self.name,
            "model": self.label,
            "data": record.data.description,
            "trained": record.created_at,
            "folder": str(self.folder),
        }
        rows = (tag("tr", tag("th", name, scope="row"), tag("td", value)) for name, value in facts.items())
        return tag("table", *rows)


def load(name: str, saved_models_dir: str | Path = TrainerConfig.saved_models_dir) -> SavedRun:
    """A saved model by its name or the beginning of that.

    >>> load("sample-movie_genres", saved_models_dir).label
    'movie_genres'

    Raises:
        SavedModelError: there is none, or several are meant, or its folder is damaged.
    """
    return SavedRun(find_named(Path(saved_models_dir), name))


def _with_people(options: RecommendKeywords) -> dict[str, Any]:
    """`together=[1, 42, "Ann=Alien; Heat"]` as the options that name these people."""
    given: dict[str, Any] = dict(options)
    people = given.get("together")
    if people is None or isinstance(people, bool):
        return given
    everybody = [people] if isinstance(people, str | int) else list(people)
    named = {
        "user": [one for one in everybody if "=" not in str(one)],
        "likes": [one for one in everybody if "=" in str(one)],
    }
    return given | {"together": True} | {name: ids for name, ids in named.items() if ids}


def _checked(options: Any, table: Any) -> Given:
    """The values of options.

    Raises:
        UsageError: one is unknown, wrong, or has no effect beside the others.
    """
    given = read_options(options, table)
    refuse_idle(given, {name: one.default for name, one in table.items()} | given, IDLE_OPTIONS)
    return given
