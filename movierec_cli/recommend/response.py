"""What a run answers: recommendations with all that goes with them, and similar movies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from movierec_cli.config import RankBy
from movierec_cli.recommend.cautions import ASKED, LISTED, hardly_known
from movierec_cli.recommend.filters import Filters
from movierec_cli.recommend.genre_evidence import ALIKE_PRIOR, ALIKE_WEIGHT, kinds_of
from movierec_cli.recommend.recommend import Recommendations, recommend
from movierec_cli.recommend.run_choice import FOR_LIKENESS
from movierec_cli.recommend.users import ListedMovie, RatedMovie, User, rated_in
from movierec_cli.records import dataclass
from movierec_cli.registry.store import Run
from movierec_cli.scoring.item_scorer import ItemSums, ProductsAndSums

if TYPE_CHECKING:
    from movierec_cli.recommend.explanation import Explanation

NEW = "new"
"""The column that marks what nobody has rated, and what stands in it."""
LIST_COLUMNS = ("user", "place", "movie_id", "title", "score", "stars", NEW)
SIMILAR_COLUMNS = ("place", "movie_id", "title", "similarity", NEW)
_ALIKE_AT_ONCE = 256  # movies whose likeness to all others is in memory


@dataclass(frozen=True)
class NamedMovies:
    """Movies that a new user named, as rows of the run's movies."""

    watched: tuple[int, ...] = ()  # oldest first
    liked: tuple[int, ...] = ()
    disliked: tuple[int, ...] = ()


@dataclass(frozen=True)
class Response:
    """What one model recommends to one user, and what it knows of them."""

    run: Run
    user: User
    recommended: Recommendations
    filters: Filters
    rated: tuple[RatedMovie, ...] = ()  # by a user of the data
    watched: tuple[ListedMovie, ...] = ()  # by a new user, oldest first
    liked: tuple[ListedMovie, ...] = ()
    disliked: tuple[ListedMovie, ...] = ()
    explanations: tuple[Explanation, ...] = ()  # one per movie, where requested

    @property
    def cautions(self) -> tuple[str, ...]:
        """Say which of the movies recommended the model hardly knows."""
        return hardly_known(self.run, self.recommended.rows, LISTED)

    def csv_rows(self) -> Iterator[tuple[object, ...]]:
        """As rows of `LIST_COLUMNS`."""
        user = "" if self.recommended.user_id is None else self.recommended.user_id
        for place, movie in enumerate(self.recommended.movies, start=1):
            stars = "" if movie.stars is None else f"{movie.stars:.4f}"
            yield user, place, movie.movie_id, movie.title, f"{movie.score:.6g}", stars, marked(movie.is_new)


def marked(is_new: bool) -> str:
    """What stands in the column `NEW`."""
    return NEW if is_new else ""


def response_to(
    run: Run,
    user: User,
    named: NamedMovies | None = None,
    *,
    top: int,
    filters: Filters,
    diversity: float = 0.0,
    rank_by: RankBy = RankBy.SCORE,
    why: bool = False,
) -> Response:
    """What one run recommends; with explanations where `why` is true.

    Raises:
        MovierecError: as `recommend`.
        SavedModelError: the run is damaged.
    """
    recommended = recommend(run, user, top=top, filters=filters, diversity=diversity, rank_by=rank_by)
    movies = {
        name: tuple(ListedMovie.at(run.catalogue, row, is_new=bool(run.is_new[row])) for row in rows)
        for name, rows in asdict(named or NamedMovies()).items()
    }
    explanations: tuple[Explanation, ...] = ()
    if why:
        from movierec_cli.recommend.explanation import explain

        explanations = explain(run, user, recommended.rows)
    return Response(
        run=run,
        user=user,
        recommended=recommended,
        filters=filters,
        rated=rated_in(run, user) if user.user_id is not None else (),
        **movies,
        explanations=explanations,
    )


def response_document(response: Response) -> dict[str, Any]:
    """One model's response, for programs."""
    return {**run_document(response.run), **_user_document(response), **_list_document(response)}


def responses_document(responses: Sequence[Response]) -> dict[str, Any]:
    """Several models' responses about the same user, for programs."""
    return {
        "data": data_document(responses[0].run),
        **_user_document(responses[0]),
        "models": [
            {"run": one.recommended.run_name, "model": one.recommended.label, **_list_document(one)}
            for one in responses
        ],
    }


def run_document(run: Run) -> dict[str, Any]:
    """The run and its data, for programs."""
    return {"run": run.record.name, "model": run.record.config.label, "data": data_document(run)}


def data_document(run: Run) -> dict[str, str]:
    """Which data a run is of."""
    data = run.record.data
    return {"name": data.name, "description": data.description, "fingerprint": data.fingerprint}


def _user_document(response: Response) -> dict[str, Any]:
    known = {name: getattr(response, name) for name in ("rated", "watched", "liked", "disliked")}
    return {
        "user_id": response.recommended.user_id,
        **{name: [asdict(movie) for movie in movies] for name, movies in known.items()},
    }


def _list_document(response: Response) -> dict[str, Any]:
    movies = [asdict(movie) for movie in response.recommended.movies]
    for movie, why in zip(movies, response.explanations, strict=False):
        movie["why"] = why.document(response.run)
    return {
        "movies": movies,
        "mean_score": response.recommended.mean_score,
        "variety": response.recommended.variety,
    }


@dataclass(frozen=True)
class SimilarMovie(ListedMovie):
    """A movie near another."""

    similarity: float  # cosine of the two movies' embeddings, -1 … 1; of item weights, the one to this movie


@dataclass(frozen=True)
class SimilarMovies:
    """What is near one movie, the nearest first."""

    run: Run
    row: int  # of the movie, among the run's
    movies: tuple[SimilarMovie, ...]
    rows: tuple[int, ...]  # of these, in the same order

    @property
    def title(self) -> str:
        title: str = self.run.catalogue.title[self.row]
        return title

    @property
    def cautions(self) -> tuple[str, ...]:
        """Say which of the movies the model hardly knows."""
        return (*hardly_known(self.run, [self.row], ASKED), *hardly_known(self.run, self.rows, LISTED))

    def csv_rows(self) -> Iterator[tuple[object, ...]]:
        """As rows of `SIMILAR_COLUMNS`."""
        for place, movie in enumerate(self.movies, start=1):
            yield place, movie.movie_id, movie.title, f"{movie.similarity:.6f}", marked(movie.is_new)

    def document(self) -> dict[str, Any]:
        """For programs."""
        return {
            **run_document(self.run),
            "movie": asdict(
                ListedMovie.at(self.run.catalogue, self.row, is_new=bool(self.run.is_new[self.row]))
            ),
            "movies": [asdict(movie) for movie in self.movies],
        }


def similar_movies(run: Run, row: int, *, top: int = 10, filters: Filters | None = None) -> SimilarMovies:
    """The movies that a run puts nearest to one (`likeness`).

    Equal ones are in the order of the catalogue; an embedding without length is like none. No movie counts as
    seen; one that has several ids is listed once.

    Raises:
        MovierecError: the run lacks what a filter needs, or knows no movies that are alike.
        SavedModelError: the run is damaged.
    """
    FOR_LIKENESS.require(run.record)
    rows, similarities = nearest(run, row, top, filters or Filters())
    near = zip(rows.tolist(), similarities.tolist(), strict=True)
    movies = (
        SimilarMovie.at(run.catalogue, one, similarity=similarity, is_new=bool(run.is_new[one]))
        for one, similarity in near
    )
    return SimilarMovies(run, row, tuple(movies), tuple(rows.tolist()))


def likeness(run: Run, rows: npt.NDArray[np.integer]) -> npt.NDArray[np.float64]:
    """How near each movie is to each of some: [b, n_movies].

    The cosine of embeddings or factors; of a model of item-item weights what these say, in standard
    deviations, with what the movie's genres say (`genre_evidence`).
    """
    scorer = run.scorer
    if not isinstance(scorer, ItemSums | ProductsAndSums):
        return np.stack([scorer.similar_to(row) for row in rows.tolist()])
    similar, kinds = scorer.similar_to_each(rows), kinds_of(run)
    spread = similar.std(axis=1, keepdims=True)
    of_genres = np.stack([kinds.evidence(row, ALIKE_PRIOR) for row in rows[:, None]])
    near: npt.NDArray[np.float64] = similar / np.where(spread > 0, spread, 1) + ALIKE_WEIGHT * of_genres
    return near


def nearest(
    run: Run, row: int, top: int, filters: Filters
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """What `similar_movies` lists: rows of the run's movies, and how near each is, both [at most top]."""
    return next(nearest_to_each(run, np.array([row]), top, filters))


def nearest_to_each(
    run: Run, rows: npt.NDArray[np.integer], top: int, filters: Filters
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]]:
    """The same for each of some movies, many at a time."""
    for start in range(0, len(rows), _ALIKE_AT_ONCE):
        block = rows[start : start + _ALIKE_AT_ONCE]
        for row, similarities in zip(block.tolist(), likeness(run, block), strict=True):
            allowed = replace(filters, exclude=(*filters.exclude, row)).fitting(run)
            listed = np.flatnonzero(run.duplicates.listed(similarities, allowed))
            best = listed[np.argsort(-similarities[listed], kind="stable")][:top]
            yield best, similarities[best]
