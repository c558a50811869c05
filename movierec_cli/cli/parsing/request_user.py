"""From what was typed about somebody to the person as a run sees them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from movierec_cli.cli.parsing.movie_titles import rows_of
from movierec_cli.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from movierec_cli.cli.console import Terminal
    from movierec_cli.cli.parsing.recommend_request import Who
    from movierec_cli.recommend.opinion_files import ReadOpinions
    from movierec_cli.recommend.response import RequestUser
    from movierec_cli.registry.store import Run


def request_user(run: Run, who: Who, terminal: Terminal) -> RequestUser:
    """Somebody for one run, whose catalogue decides what titles mean.

    Raises:
        MovierecError: the user or a movie is unknown, a title fits several movies, or the file is no use.
        UsageError: the same movie is named twice.
    """
    from movierec_cli.recommend.response import RequestUser
    from movierec_cli.recommend.users import after, user_of

    if who.user_id is not None:
        return RequestUser(user_of(run, who.user_id, who.as_of_s))
    if who.watched:
        rows = rows_of(who.watched, run.catalogue, "--watched", terminal)
        return RequestUser(after(run, rows), watched=tuple(rows))
    return _with_opinions(run, who, terminal)


def by_ids(who: Who, found: RequestUser, run: Run) -> Who:
    """The same request with the movies that the titles turned out to be, for another run of the data."""

    def named(typed: tuple[str, ...], rows: tuple[int, ...]) -> tuple[str, ...]:
        return tuple(f"id:{run.catalogue.movie_id[row]}" for row in rows[: len(typed)])

    return replace(
        who,
        watched=named(who.watched, found.watched),
        liked=named(who.liked, found.liked),
        disliked=named(who.disliked, found.disliked),
    )


def _with_opinions(run: Run, who: Who, terminal: Terminal) -> RequestUser:
    """What is typed counts before what a file says of the same movie."""
    import numpy as np

    from movierec_cli.recommend.fold_in import Opinions
    from movierec_cli.recommend.response import RequestUser
    from movierec_cli.recommend.users import new_user

    liked = rows_of(who.liked, run.catalogue, "--liked", terminal)
    disliked = rows_of(who.disliked, run.catalogue, "--disliked", terminal)
    both = set(liked) & set(disliked)
    if both:
        raise UsageError(f"'{run.catalogue.title[min(both)]}' is liked and disliked; say one of them")
    typed = {*liked, *disliked}
    stars: dict[int, float] = dict.fromkeys([*liked, *disliked], np.nan)
    if who.ratings_file is not None:
        read = _read(who.ratings_file, run, terminal)
        liked += [row for row in read.opinions.liked.tolist() if row not in typed]
        disliked += [row for row in read.opinions.disliked.tolist() if row not in typed]
        stars = dict(zip(read.rows.tolist(), read.stars.tolist(), strict=True)) | stars
    person = new_user(
        run,
        Opinions(np.array(liked, np.int64), np.array(disliked, np.int64)),
        np.array(list(stars), np.int64),
        np.array(list(stars.values()), np.float32),
    )
    return RequestUser(person, liked=tuple(liked), disliked=tuple(disliked))


def _read(file: Path, run: Run, terminal: Terminal) -> ReadOpinions:
    from movierec_cli.recommend.opinion_files import read_opinions

    read = read_opinions(file, run.catalogue)
    for note in read.notes:
        terminal.note(note)
    return read
