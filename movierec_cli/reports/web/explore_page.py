"""A saved model as one web page to explore: its movies, its users, what it recommends and why."""

import base64
import html
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import UNKNOWN_YEAR, Ids
from movierec_cli.data.duplicates import Duplicates
from movierec_cli.recommend.response import FEW_RATINGS
from movierec_cli.recommend.run_choice import FOR_VECTORS
from movierec_cli.registry.store import Run
from movierec_cli.reports import star
from movierec_cli.reports.web import pages
from movierec_cli.text import with_article

PAGE_BYTES = 32 << 20
"""Of arrays, before base64 makes them a third larger: a browser opens such a page in seconds."""
MOVIES_FRACTION = 0.5  # of those bytes, at most
N_COLOURED_GENRES = 6  # as many colours are told apart at a glance
N_LISTED = 10

_TINY = np.finfo(np.float64).tiny

_Rows = npt.NDArray[np.int64]
_Values = npt.NDArray[np.float64]
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
    def noun(self) -> str:
        return self.run.record.data.noun

    @property
    def left_out(self) -> tuple[str, ...]:
        n_movies, n_users = len(self.run.artifacts.movie_ids), len(self.run.artifacts.user_ids)
        sentences = []
        if len(self.movies) < n_movies:
            sentences.append(
                f"The page holds the {len(self.movies):,} most rated of {n_movies:,} {self.noun}s; its lists"
                " leave out the others."
            )
        if len(self.users) < n_users:
            sentences.append(
                f"The page holds the first {len(self.users):,} of {n_users:,} users; movierec recommend"
                " --user knows them all."
            )
        return tuple(sentences)

    @cached_property
    def popularity(self) -> npt.NDArray[np.int64]:
        return self.run.popularity[self.movies]


def write_explore(run: Run, file: Path, *, page_bytes: int = PAGE_BYTES) -> ExplorePage:
    """Writes the page of a trained model, as `pages.write_page` does.

    Of arrays that need more than `page_bytes`, what does not fit is left out, and the page says so.

    Raises:
        MovierecError: the file cannot be written, or the model has no vectors.
        SavedModelError: the run is damaged.
    """
    FOR_VECTORS.require(run.record)
    shown = _shown(run, page_bytes)
    return ExplorePage(pages.write_page(_page(shown), file), shown.left_out)


def _shown(run: Run, page_bytes: int) -> _Shown:
    """All of a run, or its most rated movies and then as many users as there is room for."""
    artifacts, ratings = run.artifacts, run.user_ratings
    n_movies, vector = artifacts.movie_embeddings.shape[0], 4 * artifacts.movie_embeddings.shape[1]
    most_movies = int(page_bytes * MOVIES_FRACTION) // vector
    movies = np.arange(n_movies)
    if n_movies > most_movies:
        movies = np.sort(np.argsort(-run.popularity, kind="stable")[:most_movies])
    sizes = vector + (_row_type(len(movies)).itemsize + 1) * np.diff(ratings.starts)  # [n_users]
    n_users = int(np.searchsorted(np.cumsum(sizes), page_bytes - vector * len(movies), side="right"))
    return _Shown(run, movies, np.arange(n_users))


def _page(shown: _Shown) -> str:
    record = shown.run.record
    described = record.data.description[:1].upper() + record.data.description[1:]
    noun = html.escape(shown.noun)
    parts = {
        "title": html.escape(f"Explore {described}"),
        "model": html.escape(record.config.label),
        "run": html.escape(record.name),
        "counts": f"{len(shown.movies):,} {noun}s and {len(shown.users):,} users",
        "noun": noun,
        "A_noun": with_article(noun).capitalize(),
        "data": pages.embedded(json.dumps(_document(shown), allow_nan=False)),
    }
    return pages.filled("explore", _SCRIPTS, parts)


def _document(shown: _Shown) -> dict[str, object]:
    """What the scripts read: columns as lists, arrays as base64 of little-endian numbers."""
    run = shown.run
    catalogue, data = run.catalogue, run.record.data
    genres = catalogue.genres[shown.movies]
    vectors = run.artifacts.movie_embeddings[shown.movies]
    popular = run.artifacts.popularity
    where = movie_map(vectors, shown.popularity)
    return {
        "dim": int(vectors.shape[1]),
        "mean_embedding": run.artifacts.movie_embeddings.astype(np.float64).mean(axis=0).tolist(),
        "n_listed": N_LISTED,
        "fallback": None if popular is None else popular[shown.movies].tolist(),
        "noun": shown.noun,
        "a_noun": with_article(shown.noun),
        "has_ratings": data.scale is not None,
        "star": star(data),
        "unit": " stars" if star(data) else "",
        "few_ratings": FEW_RATINGS,
        "left_out": shown.left_out,
        "variance": where.variance,
        "genre_names": catalogue.genre_names,
        "coloured_genres": telling_genres(where.places, genres, N_COLOURED_GENRES),
        "unknown_year": UNKNOWN_YEAR,
        "duplicates": _duplicates(shown),
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


def _duplicates(shown: _Shown) -> list[list[int]]:
    """The rows in the page of each movie that is there under several ids."""
    _, first, movie = np.unique(
        shown.run.duplicates.first[shown.movies], return_index=True, return_inverse=True
    )
    groups = Duplicates(first[movie]).groups
    return [groups[row].tolist() for row in range(len(groups))]


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


def _ids(ids: Ids) -> list[str]:
    """As text, for a number of JavaScript has 53 bits."""
    return [str(one) for one in ids.tolist()]


def _row_type(n_rows: int) -> np.dtype[Any]:
    return np.dtype("<u2" if n_rows <= 1 << 16 else "<u4")


def _base64(array: npt.NDArray[Any], dtype: str) -> str:
    return base64.b64encode(np.ascontiguousarray(array, dtype).tobytes()).decode("ascii")


@dataclass(frozen=True)
class MovieMap:
    """Where the movies stand."""

    places: npt.NDArray[np.float32]  # [n_movies, 2], the first axis the one with more variance
    variance: float  # the fraction of that of the directions which the two axes show, 0 … 1


def movie_map(embeddings: npt.NDArray[np.float32], popularity: npt.NDArray[np.int64]) -> MovieMap:
    """The two directions in which movies differ most, each movie weighing as the root of its ratings.

    Of a model that recommends, the largest component is often how popular a movie is, which does not tell
    what it is like; so the line along which embeddings go with the logarithm of popularity is taken out
    first. Movies without a rating are placed, and weigh nothing. Embeddings are [n_movies, dim], popularity,
    how often each was rated, [n_movies].
    """
    weights = _weights(popularity)  # [n_movies]
    likeness = _directions(_without_popularity(embeddings.astype(np.float64), popularity, weights))
    centred = likeness - weights @ likeness
    _, spread, axes = np.linalg.svd(np.sqrt(weights)[:, None] * centred, full_matrices=False)
    variance = _two(spread**2)
    places = _two(centred @ _upright(axes[:2]).T)  # [n_movies, 2]
    return MovieMap(places.astype(np.float32), float(variance.sum() / max((spread**2).sum(), _TINY)))


def _weights(popularity: npt.NDArray[np.int64]) -> _Values:
    """They add up to 1; all alike where nothing is rated."""
    roots: _Values = np.sqrt(popularity.astype(np.float64))
    total = roots.sum()
    return roots / total if total else np.full(len(roots), 1 / max(len(roots), 1))


def _without_popularity(embeddings: _Values, popularity: npt.NDArray[np.int64], weights: _Values) -> _Values:
    """Centred, and orthogonal to the weighted regression of the embeddings on log(1 + popularity)."""
    logs = np.log1p(popularity)
    logs = logs - weights @ logs
    centred = embeddings - weights @ embeddings
    line = (weights * logs) @ centred  # [dim]
    line = line / max(float(np.linalg.norm(line)), _TINY)
    without: _Values = centred - np.outer(centred @ line, line)
    return without


def _directions(vectors: _Values) -> _Values:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    directions: _Values = vectors / np.maximum(lengths, _TINY)
    return directions


def _upright(axes: _Values) -> _Values:
    """The sign of a component is arbitrary; here its largest entry is positive."""
    largest = axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)]
    upright: _Values = axes * np.sign(largest)[:, None]
    return upright


def _two(values: npt.NDArray[Any]) -> _Values:
    """The first two along the last axis, zeros where there are fewer."""
    short = max(2 - values.shape[-1], 0)
    padded: _Values = np.pad(values[..., :2], [(0, 0)] * (values.ndim - 1) + [(0, short)])
    return padded


def telling_genres(places: npt.NDArray[np.float32], genres: npt.NDArray[np.bool_], n: int) -> tuple[int, ...]:
    """The genres, at most n columns that any movie has, that stand most apart on a map, the rarest first.

    Apart is the square of the distance between a genre's mean and the mean of all movies, times its movies:
    the part of the variance between groups that is its own. Places are [n_movies, 2], genres
    [n_movies, n_genres].
    """
    counts = genres.sum(axis=0)
    sums = genres.T.astype(np.float64) @ (places - places.mean(axis=0))  # [n_genres, 2]
    apart = (sums**2).sum(axis=1) / np.maximum(counts, 1)
    best = [int(column) for column in np.argsort(-apart, kind="stable") if counts[column]][:n]
    return tuple(sorted(best, key=lambda column: (counts[column], column)))
