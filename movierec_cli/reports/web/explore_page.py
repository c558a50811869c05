"""A saved model as one web page to explore: its movies, its users, what it recommends and why."""

from __future__ import annotations

import base64
import html
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import UNKNOWN_YEAR
from movierec_cli.recommend.similar import FEW_RATINGS
from movierec_cli.registry.store import Run
from movierec_cli.reports.web import pages
from movierec_cli.reports.web.movie_map import movie_map, telling_genres

PAGE_BYTES = 32 << 20
"""Of arrays, before base64 makes them a third larger: a browser opens such a page in seconds."""
MOVIES_FRACTION = 0.5  # of those bytes, at most
N_COLOURED_GENRES = 6  # as many colours are told apart at a glance
N_LISTED = 10

_Rows = npt.NDArray[np.int64]
_SCRIPTS = ("explore_page.js", "explore_search.js", "explore_map.js", "explore_why.js", "explore_lists.js")


@dataclass(frozen=True)
class ExplorePage:
    """What was written."""

    page: Path
    left_out: tuple[str, ...]  # sentences on what a page cannot hold of a large model


@dataclass(frozen=True)
class _Shown:
    """The part of a run that fits into a page."""

    run: Run
    movies: _Rows  # rows of the run's movies, in its order
    users: _Rows  # rows of the run's users, in its order

    @property
    def left_out(self) -> tuple[str, ...]:
        n_movies, n_users = len(self.run.artifacts.movie_ids), len(self.run.artifacts.user_ids)
        sentences = []
        if len(self.movies) < n_movies:
            sentences.append(
                f"The page holds the {len(self.movies):,} most rated of {n_movies:,} movies; its lists leave"
                " out the others."
            )
        if len(self.users) < n_users:
            sentences.append(
                f"The page holds the first {len(self.users):,} of {n_users:,} users; movierec recommend"
                " --user knows them all."
            )
        return tuple(sentences)

    @cached_property
    def popularity(self) -> npt.NDArray[np.int64]:
        return self.run.user_ratings.popularity(len(self.run.artifacts.movie_ids))[self.movies]


def write_explore(run: Run, file: Path, *, page_bytes: int = PAGE_BYTES) -> ExplorePage:
    """Writes the page; what was there before stays until the new page is complete.

    Args:
        run: of a trained model.
        file: where the page goes; missing folders are made.
        page_bytes: of arrays at most; what does not fit is left out, and the page says so.

    Raises:
        MovierecError: the file cannot be written.
        SavedModelError: the run is damaged, or is a baseline.
    """
    shown = _shown(run, page_bytes)
    return ExplorePage(pages.write_page(_page(shown), file), shown.left_out)


def _shown(run: Run, page_bytes: int) -> _Shown:
    """All of a run, or its most rated movies and then as many users as there is room for."""
    artifacts, ratings = run.artifacts, run.user_ratings
    n_movies, vector = artifacts.movie_embeddings.shape[0], 4 * artifacts.movie_embeddings.shape[1]
    most_movies = int(page_bytes * MOVIES_FRACTION) // vector
    movies = np.arange(n_movies)
    if n_movies > most_movies:
        movies = np.sort(np.argsort(-ratings.popularity(n_movies), kind="stable")[:most_movies])
    sizes = vector + (_row_type(len(movies)).itemsize + 1) * np.diff(ratings.starts)  # [n_users]
    n_users = int(np.searchsorted(np.cumsum(sizes), page_bytes - vector * len(movies), side="right"))
    return _Shown(run, movies, np.arange(n_users))


def _page(shown: _Shown) -> str:
    record = shown.run.record
    described = record.data.description[:1].upper() + record.data.description[1:]
    parts = {
        "title": html.escape(f"Explore {described}"),
        "model": html.escape(record.config.label),
        "run": html.escape(record.name),
        "counts": f"{len(shown.movies):,} movies and {len(shown.users):,} users",
        "data": pages.embedded(json.dumps(_document(shown), allow_nan=False)),
    }
    return pages.filled("explore", _SCRIPTS, parts)


def _document(shown: _Shown) -> dict[str, object]:
    """What the scripts read: columns as lists, arrays as base64 of little-endian numbers."""
    run = shown.run
    catalogue = run.catalogue
    genres = catalogue.genres[shown.movies]
    vectors = run.artifacts.movie_embeddings[shown.movies]
    where = movie_map(vectors, shown.popularity)
    return {
        "dim": int(vectors.shape[1]),
        "mean_embedding": run.artifacts.movie_embeddings.astype(np.float64).mean(axis=0).tolist(),
        "n_listed": N_LISTED,
        "few_ratings": FEW_RATINGS,
        "left_out": shown.left_out,
        "variance": where.variance,
        "genre_names": catalogue.genre_names,
        "coloured_genres": telling_genres(where.places, genres, N_COLOURED_GENRES),
        "unknown_year": UNKNOWN_YEAR,
        "movies": {
            "ids": _ids(catalogue.movie_id[shown.movies]),
            "titles": catalogue.title[shown.movies].tolist(),
            "years": catalogue.year[shown.movies].tolist(),
            "genres": [np.flatnonzero(row).tolist() for row in genres],
            "popularity": shown.popularity.tolist(),
            "places": _base64(where.places, "<f4"),
            "embeddings": _base64(vectors, "<f4"),
        },
        "users": _users(shown),
    }


def _users(shown: _Shown) -> dict[str, object]:
    """Ratings of movies that are left out are left out, too."""
    run, n_users = shown.run, len(shown.users)
    ratings = run.user_ratings
    n_ratings = int(ratings.starts[n_users])
    row_in_page = np.full(len(run.artifacts.movie_ids), -1, np.int64)
    row_in_page[shown.movies] = np.arange(len(shown.movies))
    rows = row_in_page[ratings.movie[:n_ratings]]  # [n_ratings]
    kept = rows >= 0
    ends = np.concatenate([[0], np.cumsum(kept)])[ratings.starts[: n_users + 1]]
    values, codes = np.unique(ratings.stars[:n_ratings][kept], return_inverse=True)
    row_type = _row_type(len(shown.movies))
    return {
        "ids": _ids(run.artifacts.user_ids[shown.users]),
        "embeddings": _base64(run.artifacts.user_embeddings[shown.users], "<f4"),
        "n_rated": np.diff(ends).tolist(),
        "rated": _base64(rows[kept], row_type.str),
        "rated_bits": 8 * row_type.itemsize,
        "star_values": [float(value) for value in values],
        "stars": _base64(codes, "<u1" if len(values) <= 256 else "<u4"),
    }


def _ids(ids: npt.NDArray[np.int64]) -> list[str]:
    """As text, for a number of JavaScript has 53 bits."""
    return [str(one) for one in ids.tolist()]


def _row_type(n_rows: int) -> np.dtype[Any]:
    return np.dtype("<u2" if n_rows <= 1 << 16 else "<u4")


def _base64(array: npt.NDArray[Any], dtype: str) -> str:
    return base64.b64encode(np.ascontiguousarray(array, dtype).tobytes()).decode("ascii")
