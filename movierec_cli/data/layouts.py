"""The table of layouts that are known by name: a new one is one entry here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from movierec_cli.data.dataset import HALF_STARS, NO_TMDB_NUMBER, Movies, RatingScale
from movierec_cli.data.reader import movielens
from movierec_cli.data.reader.formats import CP1252, LATIN_1
from movierec_cli.data.reader.item_tables import Told, movies_of, tmdb_number
from movierec_cli.data.reader.rating_rows import Rules
from movierec_cli.data.reader.roles import ID, TMDB, places
from movierec_cli.data.reader.small_tables import BadRows
from movierec_cli.data.reader.text_rows import TextRow
from movierec_cli.data.source_files import ITEMS, LINKS, RATINGS, USERS, Files, FileSpec, Layout
from movierec_cli.data.sources import LayoutKind


def _joined_by_tmdb(files: Files, told: Told) -> Movies:
    """The metadata of The Movies Dataset has TMDb's ids; its links lead from MovieLens' to these."""
    (metadata,), (links_file,) = files.of(ITEMS)[:1], files.of(LINKS)[:1]
    bad = BadRows(skip=True)
    table, links = files.table(metadata, bad), files.table(links_file)
    place, of_links = places("items", table.header)[ID], places("items", links.header)
    ids: dict[str, str] = {}
    for row in links.rows:
        tmdb = row.fields[of_links[TMDB]].strip().removesuffix(".0")
        if tmdb:
            ids.setdefault(tmdb, row.fields[of_links[ID]].strip())
    n_rows, without = 0, 0

    def own_ids() -> Iterator[TextRow]:
        nonlocal n_rows, without
        for row in table.rows:
            n_rows += 1
            own = ids.get(row.fields[place].strip().removesuffix(".0"))
            if own is None:
                without += 1
            else:
                yield replace(row, fields=[*row.fields[:place], own, *row.fields[place + 1 :]])

    joined = replace(table, rows=own_ids())
    movies = movies_of(joined, places("items", table.header), files.layout.noun, told)
    numbers = {own: tmdb_number(tmdb) for tmdb, own in ids.items()}
    of_own = [numbers.get(str(own), NO_TMDB_NUMBER) for own in movies.movie_id.tolist()]
    movies = replace(movies, tmdb_number=np.array(of_own, np.int64))
    if without + bad.n:
        told.warnings.append(
            f"{metadata.member}: {without + bad.n:,} of {n_rows + bad.n:,} rows are damaged or have no"
            f" entry in {links_file.member}, so no rating can name them"
        )
    return movies


_DAT = "userId movieId rating timestamp"
_RATINGS_DAT = FileSpec(RATINGS, r"ratings\.dat", _DAT, "::")
_MOVIES_DAT = FileSpec(ITEMS, r"movies\.dat", "movieId title genres", "::")
_PERSON, _ASIN, _AND_TIME = r"[#\w-]+", r"[A-Z0-9]{10}", r"\d[.\d]*,\d{9,}$"

LAYOUTS = (
    Layout(
        LayoutKind.MOVIELENS_100K,
        (
            FileSpec(RATINGS, r"u\.data", _DAT, "\t"),
            FileSpec(ITEMS, r"u\.item", "movieId title", "|", encoding=LATIN_1),
            FileSpec(USERS, r"u\.user", "userId age gender occupation zipcode", "|", encoding=LATIN_1),
        ),
        rules=Rules(whole_ids=True, scale=RatingScale(1, 5), step=1),
        movies=lambda files, told: movielens.movies_100k(files.archive),
        users=movielens.users_100k,
    ),
    Layout(
        LayoutKind.MOVIETWEETINGS,
        (
            _RATINGS_DAT,
            _MOVIES_DAT,
            FileSpec(USERS, r"users\.dat", "userId twitterId", "::", begins=r"\d+::\d+$"),
        ),
        rules=Rules(scale=RatingScale(0, 10)),
    ),
    Layout(
        LayoutKind.MOVIELENS_1M,
        (
            _RATINGS_DAT,
            replace(_MOVIES_DAT, encoding=LATIN_1),
            FileSpec(USERS, r"users\.dat", "userId gender age occupation zipcode", "::", encoding=LATIN_1),
        ),
        rules=Rules(whole_ids=True, scale=RatingScale(1, 5), step=1),
        movies=lambda files, told: movielens.movies_1m(files.archive),
        users=movielens.users_1m,
    ),
    Layout(
        LayoutKind.MOVIELENS_10M,
        (
            _RATINGS_DAT,
            _MOVIES_DAT,
        ),
        rules=Rules(scale=HALF_STARS),
    ),
    Layout(
        LayoutKind.THE_MOVIES_DATASET,
        (
            FileSpec(RATINGS, r"ratings(_small)?\.csv"),
            FileSpec(ITEMS, r"movies_metadata\.csv"),
            FileSpec(LINKS, r"links(_small)?\.csv"),
        ),
        rules=Rules(scale=HALF_STARS),
        movies=_joined_by_tmdb,
    ),
    Layout(
        LayoutKind.CSV,
        (
            FileSpec(RATINGS, r"ratings\.csv", begins=r"userId,movieId,rating,timestamp$"),
            FileSpec(ITEMS, r"movies\.csv", begins=r"movieId,title,genres$"),
            FileSpec(LINKS, r"links\.csv", is_needed=False),
        ),
    ),
    Layout(
        LayoutKind.KAGGLE_20M,
        (
            FileSpec(RATINGS, r"rating\.csv"),
            FileSpec(ITEMS, r"movie\.csv"),
            FileSpec(LINKS, r"link\.csv", is_needed=False),
        ),
        rules=Rules(scale=HALF_STARS),
    ),
    Layout(
        LayoutKind.NETFLIX,
        (
            FileSpec(
                RATINGS,
                r"(combined_data_\d+|mv_\d+)\.txt",
                "movieId userId rating date",
                ",",
                is_announced=True,
            ),
            FileSpec(
                ITEMS,
                r"movie_titles\.(csv|txt)",
                "movieId year title",
                ",",
                encoding=CP1252,
                has_rest=True,
                is_needed=False,
            ),
        ),
        rules=Rules(scale=RatingScale(1, 5)),
    ),
    Layout(
        LayoutKind.BOOK_CROSSING,
        (
            FileSpec(RATINGS, r"(bx-)?(book-)?ratings\.csv", begins=r'"?User-ID"?[;,]"?ISBN'),
            FileSpec(ITEMS, r"(bx[-_])?books\.csv", is_needed=False),
            FileSpec(USERS, r"(bx-)?users\.csv", is_needed=False),
        ),
        noun="item",
        rules=Rules(scale=RatingScale(0, 10)),
        has_bad_rows=True,
        note="a rating of 0 means that none was given; --min_rating 1 leaves these rows out",
    ),
    Layout(
        LayoutKind.LASTFM,
        (FileSpec(RATINGS, r"user_artists\.dat"), FileSpec(ITEMS, r"artists\.dat", is_needed=False)),
        noun="item",
        asked="weight=weight items.id=id",
    ),
    Layout(
        LayoutKind.LASTFM,
        (FileSpec(RATINGS, r"usersha1-artmbid-artname-plays\.tsv", "userId mbid title weight", "\t"),),
        noun="item",
        rules=Rules(own_items=False),
        asked="item=title weight=weight",
    ),
    Layout(
        LayoutKind.LASTFM,
        (
            FileSpec(
                RATINGS,
                r"userid-timestamp-artid-artname-traid-traname\.tsv",
                "userId timestamp mbid title trackMbid trackName",
                "\t",
            ),
        ),
        noun="item",
        rules=Rules(own_items=False),
        asked="item=title",
    ),
    Layout(
        LayoutKind.AMAZON,
        (
            FileSpec(
                RATINGS,
                r".+\.csv",
                "userId itemId rating timestamp",
                ",",
                begins=rf"{_PERSON},{_ASIN},{_AND_TIME}",
            ),
        ),
        noun="item",
        rules=Rules(scale=RatingScale(1, 5)),
    ),
    Layout(
        LayoutKind.AMAZON,
        (
            FileSpec(
                RATINGS,
                r".+\.csv",
                "itemId userId rating timestamp",
                ",",
                begins=rf"{_ASIN},{_PERSON},{_AND_TIME}",
            ),
        ),
        noun="item",
        rules=Rules(scale=RatingScale(1, 5)),
    ),
    Layout(
        LayoutKind.AMAZON,
        (
            FileSpec(RATINGS, r"(?!meta).+\.jsonl?", begins=r"\{.*[\"'](reviewerID|parent_asin)[\"']"),
            FileSpec(ITEMS, r"meta.*\.jsonl?", is_needed=False),
        ),
        noun="item",
        rules=Rules(scale=RatingScale(1, 5), own_items=False),
    ),
    Layout(
        LayoutKind.RECBOLE,
        (
            FileSpec(RATINGS, r".+\.inter"),
            FileSpec(ITEMS, r".+\.item", is_needed=False),
            FileSpec(USERS, r".+\.user", is_needed=False),
        ),
        noun="item",
        genre_separator=" ",
    ),
)
