"""Pairs of users and movies from a file, and the ratings predicted for them into one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from movierec_cli.data.reader.text_rows import csv_text_rows
from movierec_cli.errors import DataError, MovierecError
from movierec_cli.files import write_csv
from movierec_cli.recommend.movie_search import MovieSearch
from movierec_cli.recommend.predict import PredictedRating
from movierec_cli.recommend.users import user_rows
from movierec_cli.registry.store import Run

PAIR_COLUMNS = ("user", "movie")
PREDICTION_COLUMNS = ("user", "movie_id", "title", "stars", "given")


def read_pairs(file: Path, run: Run) -> tuple[tuple[int, int], ...]:
    """Reads ids of users and rows of the run's movies, in the file's order.

    A movie is a title as `find_movie` takes it or an id: in a file, a number that is an id is nothing else.

    Args:
        file: CSV in UTF-8 whose header has the columns user and movie; others are left out.
        run: the model that is to predict.

    Raises:
        DataError: the file cannot be read, has no rows, or, with the line, a user or a movie is unknown.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", file=file) from error
    search, known = MovieSearch(run.catalogue), set[int](run.artifacts.user_ids.tolist())
    rows: dict[str, int] = {}  # by text, as files name the same movies again and again
    pairs = []
    for row in csv_text_rows(content, str(file), PAIR_COLUMNS):
        user_id, text = row.whole_number(0, "user"), row.fields[1].strip()
        try:
            if user_id not in known:
                user_rows(run, [user_id])
            if text not in rows:
                rows[text] = _movie(search, text)
        except MovierecError as error:
            raise row.error(str(error)) from error
        pairs.append((user_id, rows[text]))
    return tuple(pairs)


def _movie(search: MovieSearch, text: str) -> int:
    row = search.row_of_id(text)
    return search.find(text) if row is None else row


def write_predictions(predictions: Sequence[PredictedRating], file: Path) -> None:
    """Writes predicted ratings as CSV, with the user's own where there is one; whole or not at all.

    Raises:
        DataError: the file cannot be written.
    """
    rows = (
        (
            one.user_id,
            one.movie_id,
            one.title,
            f"{one.stars:.4f}",
            "" if one.given is None else f"{one.given:g}",
        )
        for one in predictions
    )
    write_csv(PREDICTION_COLUMNS, rows, file)
