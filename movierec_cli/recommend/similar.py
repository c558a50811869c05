"""Movies that a model places near another one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from movierec_cli.files import write_csv
from movierec_cli.recommend.filters import Filters
from movierec_cli.recommend.rated_movies import genres_of
from movierec_cli.recommend.response import data_document
from movierec_cli.registry.store import Run

SIMILAR_COLUMNS = ("place", "movie_id", "title", "similarity")
FEW_RATINGS = 10
"""With fewer, a movie's place in a model is mostly chance."""


@dataclass(frozen=True)
class SimilarMovie:
    """A movie near another."""

    movie_id: int
    title: str
    genres: tuple[str, ...]
    similarity: float  # cosine of the two movies' embeddings, -1 … 1


@dataclass(frozen=True)
class SimilarMovies:
    """What is near one movie, the nearest first."""

    run: Run
    row: int  # of the movie, among the run's
    movies: tuple[SimilarMovie, ...]

    @property
    def title(self) -> str:
        title: str = self.run.catalogue.title[self.row]
        return title

    @property
    def caution(self) -> str | None:
        """Says that the model hardly knows the movie; None where it does."""
        n_ratings = int(self.run.user_ratings.popularity(len(self.run.catalogue))[self.row])
        if n_ratings >= FEW_RATINGS:
            return None
        times = {0: "no ratings", 1: "1 rating"}.get(n_ratings, f"{n_ratings} ratings")
        return f"'{self.title}' has {times} in the model's data, so what is near it is mostly chance"


def similar_movies(run: Run, row: int, *, top: int = 10, filters: Filters | None = None) -> SimilarMovies:
    """The movies whose embeddings have the highest cosine with that of one movie.

    Equal ones are in the order of the catalogue; an embedding without length is like none.

    Args:
        run: of a trained model.
        row: of the movie, among the run's.
        top: how many at most.
        filters: which movies; nobody has seen any of them.

    Raises:
        MovierecError: a filter asks for what the run does not know.
        SavedModelError: the run is damaged.
    """
    allowed = (filters or Filters()).fitting(run)
    allowed[row] = False
    cosines = _cosines(run.artifacts.movie_embeddings, row)
    rows = np.flatnonzero(allowed)
    nearest = rows[np.argsort(-cosines[rows], kind="stable")][:top]
    return SimilarMovies(run, row, tuple(_similar(run, near, cosines[near]) for near in nearest.tolist()))


def similar_document(similar: SimilarMovies) -> dict[str, Any]:
    """For programs."""
    record, catalogue = similar.run.record, similar.run.catalogue
    return {
        "run": record.name,
        "model": record.config.label,
        "data": data_document(similar.run),
        "movie": {
            "movie_id": int(catalogue.movie_id[similar.row]),
            "title": similar.title,
            "genres": genres_of(catalogue, similar.row),
        },
        "movies": [asdict(movie) for movie in similar.movies],
    }


def write_similar(similar: SimilarMovies, file: Path) -> None:
    """Writes the movies as CSV; whole or not at all.

    Raises:
        DataError: the file cannot be written.
    """
    write_csv(SIMILAR_COLUMNS, _rows(similar), file)


def _rows(similar: SimilarMovies) -> Iterable[tuple[object, ...]]:
    for place, movie in enumerate(similar.movies, start=1):
        yield place, movie.movie_id, movie.title, f"{movie.similarity:.6f}"


def _similar(run: Run, row: int, cosine: float) -> SimilarMovie:
    movies = run.catalogue
    return SimilarMovie(int(movies.movie_id[row]), movies.title[row], genres_of(movies, row), float(cosine))


def _cosines(embeddings: npt.NDArray[np.float32], row: int) -> npt.NDArray[np.float64]:
    """With the embedding at a row: [n_movies]."""
    exact = embeddings.astype(np.float64)
    lengths = np.linalg.norm(exact, axis=1)
    products = lengths * lengths[row]
    cosines: npt.NDArray[np.float64] = (exact @ exact[row]) / np.where(products > 0, products, 1)
    return cosines
