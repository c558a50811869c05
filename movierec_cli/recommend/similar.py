"""Movies that a model places near another one."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from movierec_cli.recommend.filters import Filters
from movierec_cli.recommend.response import run_document
from movierec_cli.recommend.users import ListedMovie
from movierec_cli.registry.store import Run
from movierec_cli.text import counted

SIMILAR_COLUMNS = ("place", "movie_id", "title", "similarity")
FEW_RATINGS = 10
"""With fewer, a movie's place in a model is mostly chance."""


@dataclass(frozen=True)
class SimilarMovie(ListedMovie):
    """A movie near another."""

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
        ratings = counted(n_ratings, "rating") if n_ratings else "no ratings"
        return f"'{self.title}' has {ratings} in the model's data, so what is near it is mostly chance"

    def csv_rows(self) -> Iterator[tuple[object, ...]]:
        """As rows of `SIMILAR_COLUMNS`."""
        for place, movie in enumerate(self.movies, start=1):
            yield place, movie.movie_id, movie.title, f"{movie.similarity:.6f}"

    def document(self) -> dict[str, Any]:
        """For programs."""
        return {
            **run_document(self.run),
            "movie": asdict(ListedMovie.at(self.run.catalogue, self.row)),
            "movies": [asdict(movie) for movie in self.movies],
        }


def similar_movies(run: Run, row: int, *, top: int = 10, filters: Filters | None = None) -> SimilarMovies:
    """The movies whose embeddings have the highest cosine with that of one movie.

    Equal ones are in the order of the catalogue; an embedding without length is like none.

    Args:
        run: of a trained model.
        row: of the movie, among the run's.
        top: how many at most.
        filters: which movies; none of them counts as seen.

    Raises:
        MovierecError: the run lacks what a filter needs.
        SavedModelError: the run is damaged.
    """
    allowed = (filters or Filters()).fitting(run)
    allowed[row] = False
    embeddings = run.artifacts.movie_embeddings.astype(np.float64)
    lengths = np.linalg.norm(embeddings, axis=1)
    products = lengths * lengths[row]
    cosines = (embeddings @ embeddings[row]) / np.where(products > 0, products, 1)  # [n_movies]
    rows = np.flatnonzero(allowed)
    nearest = rows[np.argsort(-cosines[rows], kind="stable")][:top]
    movies = (SimilarMovie.at(run.catalogue, near, similarity=float(cosines[near])) for near in nearest)
    return SimilarMovies(run, row, tuple(movies))
