"""A part of the embedded sample in the files that MovieLens and IMDb publish."""

import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from tests.sample_part import part_of_the_sample
from tests.tiny_titles import title_line, write_list

Rows = Iterable[tuple[object, ...]]
N_USERS = 100
_JOB_1M, _JOB_100K, _ZIP_CODE = 2, "artist", "00000"


def write_archives(folder: Path) -> None:
    """Writes ml-1m.zip, ml-100k.zip and title.basics.tsv.gz, with equal users, movies and ratings."""
    source = part_of_the_sample(N_USERS)
    movies, users, ratings = source.movies, source.users, source.ratings
    assert movies.length_minutes is not None and users.is_male is not None
    genres = [[movies.genre_names[place] for place in np.flatnonzero(row)] for row in movies.genres]
    people = list(
        zip(users.user_id, np.where(users.is_male == 1, "M", "F"), users.bucketized_age, strict=True)
    )
    rows = list(
        zip(
            users.user_id[ratings.user_index],
            movies.movie_id[ratings.movie_index],
            ratings.rating.astype(int),
            ratings.timestamp,
            strict=True,
        )
    )
    of_1m = zip(movies.movie_id, movies.title, map("|".join, genres), strict=True)
    flags = [[int(name in named) for name in ("Unknown", *movies.genre_names)] for named in genres]
    of_100k = zip(movies.movie_id, movies.title, flags, strict=True)
    _write(
        folder / "ml-1m.zip",
        ("ratings.dat", "::", rows),
        ("movies.dat", "::", of_1m),
        ("users.dat", "::", ((user, sex, int(age), _JOB_1M, _ZIP_CODE) for user, sex, age in people)),
    )
    _write(
        folder / "ml-100k.zip",
        ("u.data", "\t", rows),
        ("u.item", "|", ((movie, title, "01-Jan-1995", "", "", *flag) for movie, title, flag in of_100k)),
        ("u.user", "|", ((user, int(age), sex, _JOB_100K, _ZIP_CODE) for user, sex, age in people)),
        ("u1.base", "\t", (row for place, row in enumerate(rows) if place % 5)),
        ("u1.test", "\t", rows[::5]),
    )
    lengths = zip(movies.title, movies.year, movies.length_minutes, strict=True)
    lines = [
        title_line(place, title.rpartition(" (")[0], int(year), int(minutes))
        for place, (title, year, minutes) in enumerate(lengths, start=1)
    ]
    write_list(folder / "title.basics.tsv.gz", lines)


def _write(file: Path, *tables: tuple[str, str, Rows]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(file, "w") as archive:
        for name, separator, rows in tables:
            text = "".join(separator.join(map(str, row)) + "\n" for row in rows)
            archive.writestr(f"{file.stem}/{name}", text.encode("iso-8859-1"))
