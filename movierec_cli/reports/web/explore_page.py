"""A saved model as one web page to explore: its movies, its users, what it recommends and why."""

import base64
import html
import json
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import UNKNOWN_YEAR, Ids
from movierec_cli.data.duplicates import Duplicates
from movierec_cli.experiment.wording import model_name
from movierec_cli.recommend.cautions import FEW_RATINGS
from movierec_cli.recommend.run_choice import FOR_HISTORIES, FOR_LIKENESS, FOR_USERS, FOR_VECTORS
from movierec_cli.records import dataclass
from movierec_cli.registry.store import Run
from movierec_cli.reports import star
from movierec_cli.reports.web import pages
from movierec_cli.reports.web.explore_listed import PageLists
from movierec_cli.reports.web.fold_in_parts import fold_in_parts
from movierec_cli.reports.web.movie_map import movie_map, telling_genres
from movierec_cli.text import ARTICLES, shown_title, with_article

PAGE_BYTES = 32 << 20
"""Of arrays, before base64 makes them a third larger: a browser opens such a page in seconds."""
MOVIES_FRACTION = 0.5  # of those bytes, at most
N_COLOURED_GENRES = 6  # as many colours are told apart at a glance
N_LISTED, N_REASONS = 10, 5
MOST_SERVED_USERS = 200_000
"""Whose ids a served page holds, to search for them."""
_LISTED_BYTES = 8 * N_LISTED, 8 * N_LISTED * (1 + N_REASONS)  # of a movie and of a user, without vectors

_Parts = tuple[dict[str, Any], dict[str, Any], dict[str, Any]]
_Rows = npt.NDArray[np.int64]
_LAST_SCRIPTS = ("explore_likes.js", "explore_lists.js")


def _scripts(*, has_vectors: bool, is_served: bool) -> tuple[str, ...]:
    """By whether the model has vectors, and whether a server is asked."""
    of_lists = "explore_vectors.js" if has_vectors else "explore_listed.js"
    of_model = ("explore_dot.js", "explore_served.js") if is_served else ("explore_dot.js", of_lists)
    of_map = "explore_map.js" if has_vectors else "explore_unmapped.js"
    offline = () if is_served else ("explore_fold_in.js",)
    first = ("explore_page.js", *of_model, *offline, "explore_search.js", of_map, "explore_why.js")
    return (*first, *_LAST_SCRIPTS)


_CONTINUED = "This model continues what you like, in the order in which you add it."
_CHOICE = '<label class="choice">Model: <select id="models"></select></label>'


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
    is_served: bool = False  # whether a server is asked for lists

    @property
    def noun(self) -> str:
        return self.run.record.data.noun

    @property
    def has_vectors(self) -> bool:
        """With which the page draws its map, and computes its lists."""
        return FOR_VECTORS.is_served_by(self.run.record)

    @property
    def left_out(self) -> tuple[str, ...]:
        n_movies, n_users = len(self.run.artifacts.movie_ids), len(self.run.artifacts.user_ids)
        sentences = (
            [] if self.has_vectors else [f"There is no map: {self.run.record.config.label} {self._lack}."]
        )
        chosen = "chosen" if self.run.record.data.scale is None else "rated"
        if len(self.movies) < n_movies:
            sentences.append(
                f"The page holds the {len(self.movies):,} most {chosen} of {n_movies:,} {self.noun}s; its"
                " lists leave out the others."
            )
        if len(self.users) < n_users:
            sentences.append(
                f"The page holds the first {len(self.users):,} of {n_users:,} users; movierec recommend"
                " --user knows them all."
            )
        return tuple(sentences)

    @property
    def _lack(self) -> str:
        family = self.run.record.config.family
        if family.has_item_weights and family.is_trained:
            return (
                f"also adds up weights from {self.noun} to {self.noun}, which a map of its vectors would"
                " leave out"
            )
        if family.has_item_weights:
            return f"adds up weights from {self.noun} to {self.noun}, and has no vectors to draw one from"
        return f"is the same for everybody, and has no vectors of {self.noun}s to draw one from"

    @cached_property
    def popularity(self) -> npt.NDArray[np.int64]:
        return self.run.popularity[self.movies]


def write_explore(run: Run, file: Path, *, page_bytes: int = PAGE_BYTES) -> ExplorePage:
    """Writes the page of a model that recommends, as `pages.write_page` does; without vectors it has no map.

    Of arrays that need more than `page_bytes`, what does not fit is left out, and the page says so.

    Raises:
        MovierecError: the file cannot be written, or the model recommends nothing.
        SavedModelError: the run is damaged.
    """
    FOR_USERS.require(run.record)
    shown = _shown(run, page_bytes)
    return ExplorePage(pages.write_page(_page(shown), file), shown.left_out)


def _shown(run: Run, page_bytes: int) -> _Shown:
    """All of a run, or its most rated movies and then as many users as there is room for."""
    artifacts, ratings, n_movies = run.artifacts, run.user_ratings, len(run.artifacts.movie_ids)
    vector = 4 * artifacts.movie_embeddings.shape[1]
    of_movie, of_user = (vector, vector) if FOR_VECTORS.is_served_by(run.record) else _LISTED_BYTES
    most_movies = int(page_bytes * MOVIES_FRACTION) // of_movie
    movies = np.arange(n_movies)
    if n_movies > most_movies:
        movies = np.sort(np.argsort(-run.popularity, kind="stable")[:most_movies])
    sizes = of_user + (_row_type(len(movies)).itemsize + 1) * np.diff(ratings.starts)  # [n_users]
    n_users = int(np.searchsorted(np.cumsum(sizes), page_bytes - of_movie * len(movies), side="right"))
    return _Shown(run, movies, np.arange(n_users))


def served_document_page(run: Run, connect: str) -> str:
    """The page of a model that a server answers for.

    Args:
        run: that serves.
        connect: what lets the page ask its server, as part of its content security policy.
    """
    n_movies, n_users = len(run.artifacts.movie_ids), len(run.artifacts.user_ids)
    shown = _Shown(run, np.arange(n_movies), np.arange(min(n_users, MOST_SERVED_USERS)), is_served=True)
    return _page(shown, connect=connect, choice=_CHOICE)


def _page(shown: _Shown, *, connect: str = "", choice: str = "") -> str:
    record = shown.run.record
    noun = html.escape(shown.noun)
    parts = {
        "title": html.escape(f"Explore {record.data.description}"),
        "model": html.escape(model_name(record.config.label)),
        "counts": f"{len(shown.movies):,} {noun}s and {len(shown.users):,} users",
        "noun": noun,
        "a_noun": with_article(noun),
        "data": pages.embedded(json.dumps(_document(shown), allow_nan=False)),
        "layout": "mapped" if shown.has_vectors else "listed",
        "hidden": "" if shown.has_vectors else "hidden",
        "choice": choice,
        "connect": connect,
        "made": f"Made by movierec explore from the saved model {html.escape(record.name)}."
        if not shown.is_served
        else 'Served by movierec. <a href="/docs">The API</a>.',
    }
    scripts = _scripts(has_vectors=shown.has_vectors, is_served=shown.is_served)
    return pages.filled("explore", scripts, parts)


def _document(shown: _Shown) -> dict[str, object]:
    """What the scripts read: columns as lists, arrays as base64 of little-endian numbers."""
    run = shown.run
    catalogue, data = run.catalogue, run.record.data
    of_page, of_movies, of_users = _parts(shown)
    numbers = catalogue.imdb_number
    return {
        "n_listed": N_LISTED,
        "n_reasons": N_REASONS,
        **_words(shown),
        "noun": shown.noun,
        "has_ratings": data.scale is not None,
        "scale": None if data.scale is None else [data.scale.lowest, data.scale.highest],
        "star": star(data),
        "unit": " stars" if star(data) else "",
        "few_ratings": FEW_RATINGS,
        "articles": sorted(ARTICLES),
        "left_out": shown.left_out,
        "genre_names": catalogue.genre_names,
        "unknown_year": UNKNOWN_YEAR,
        "duplicates": _duplicates(shown),
        **of_page,
        "movies": {
            "ids": _ids(catalogue.movie_id[shown.movies]),
            "titles": [shown_title(title) for title in catalogue.title[shown.movies]],
            "years": catalogue.year[shown.movies].tolist(),
            "genres": [np.flatnonzero(row).tolist() for row in catalogue.genres[shown.movies]],
            "popularity": shown.popularity.tolist(),
            "imdb": None if numbers is None else numbers[shown.movies].tolist(),
            **of_movies,
        },
        "users": of_users,
    }


def _parts(shown: _Shown) -> _Parts:
    """Of the page, the movies and the users: what the page computes or asks for."""
    run = shown.run
    if shown.is_served:
        of_page = {
            "run": run.record.name,
            "has_reasons": FOR_LIKENESS.is_served_by(run.record),
            "reads_history": FOR_HISTORIES.is_served_by(run.record),
            "fold_in": {"note": _CONTINUED} if FOR_HISTORIES.is_served_by(run.record) else {},
        }
        of_map = _map(shown) if shown.has_vectors else ({}, {})
        return of_page | of_map[0], of_map[1], {"ids": _ids(run.artifacts.user_ids[shown.users])}
    of_page, of_movies, of_users = (_vectors if shown.has_vectors else _lists)(shown)
    folded = {"fold_in": fold_in_parts(run, shown.movies)}
    return of_page | folded, of_movies, {**_users(shown), **of_users}


def _words(shown: _Shown) -> dict[str, object]:
    """How likeness is measured, "" where there is none, and what that leaves to look at."""
    a_noun = with_article(shown.noun)
    if not FOR_LIKENESS.is_served_by(shown.run.record):
        return {
            "likeness": "",
            "no_likeness": f"This model puts no {shown.noun} near another.",
            "invitation": "Choose a user to see what the model recommends to them.",
        }
    return {
        "likeness": "cosine" if shown.has_vectors else "weight",
        "invitation": f"Choose {a_noun} to see what the model puts near it, or a user to see what it"
        " recommends to them, and why.",
    }


def _map(shown: _Shown) -> tuple[dict[str, Any], dict[str, Any]]:
    """Of the page and the movies: where these stand, and in which colours."""
    vectors = shown.run.artifacts.movie_embeddings[shown.movies]
    where = movie_map(vectors, shown.popularity)
    genres = shown.run.catalogue.genres[shown.movies]
    of_page = {
        "dim": int(vectors.shape[1]),
        "variance": where.variance,
        "coloured_genres": telling_genres(where.places, genres, N_COLOURED_GENRES),
    }
    return of_page, {"places": _base64(where.places, "<f4")}


def _vectors(shown: _Shown) -> _Parts:
    """Of the page, the movies and the users of a model that has them."""
    artifacts = shown.run.artifacts
    vectors, popular = artifacts.movie_embeddings[shown.movies], artifacts.popularity
    of_map, places = _map(shown)
    of_page = {
        **of_map,
        "n_alike": int(shown.run.scorer.vectors(shown.movies[:1]).shape[1]),
        "mean_embedding": artifacts.movie_embeddings.astype(np.float64).mean(axis=0).tolist(),
        "fallback": None if popular is None else popular[shown.movies].tolist(),
    }
    of_movies = {**places, "embeddings": _base64(vectors, "<f4")}
    return of_page, of_movies, {"embeddings": _base64(artifacts.user_embeddings[shown.users], "<f4")}


def _lists(shown: _Shown) -> _Parts:
    """The same of a model without vectors: its lists."""
    n_listed = min(N_LISTED, len(shown.run.artifacts.movie_ids))
    lists = PageLists(shown.run, shown.movies, shown.users, n_listed, N_REASONS)
    best = lists.recommended()  # first, as it reads all weights at once
    near, nearness = lists.near()
    why = lists.reasons(best)
    of_users = {
        "recommended": _base64(lists.in_page(best.rows), "<i4"),
        "scores": _base64(best.scores, "<f4"),
        "reasons": _base64(why.rows, "<i4"),
        "contributions": _base64(why.contributions, "<f4"),
        "of_others": _base64(why.of_others, "<f4"),
        "rest": _base64(why.rest, "<f4") if why.rest.any() else None,
        "n_known": why.n_known.tolist(),
    }
    return (
        {"n_listed": n_listed},
        {"near": _base64(near, "<i4"), "nearness": _base64(nearness, "<f4")},
        of_users,
    )


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
