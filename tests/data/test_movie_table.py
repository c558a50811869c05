import numpy as np
import pytest

from movierec_cli.data.dataset import IdIndex
from movierec_cli.data.reader.column_tables import MovieRow, movie_table, year_of


@pytest.mark.parametrize(
    ("title", "year"),
    [
        ("Toy Story (1995)", 1995),
        ("Land Before Time III: The Time of the Great Giving (1995) (V)", 1995),
        ("2001: A Space Odyssey (1968)", 1968),
        ("(500) Days of Summer (2009)", 2009),
        ("Nineteen (1984) Eighty (1956)", 1956),
        ("Death Note (2006–2007)", 2006),
        ("Fawlty Towers (1975-1979)", 1975),
        ("Nine Lives (2003- )", 2003),
        ("unknown", 0),
        ("Babylon 5", 0),
        ("Movie (95)", 0),
    ],
)
def test_the_year_is_the_last_one_in_parentheses(title: str, year: int) -> None:
    assert year_of(title) == year


def test_genres_keep_tfds_order_and_unknown_ones_follow() -> None:
    rows = [["Western", "Zany"], [], ["Action", "Art"]]
    movies = movie_table((MovieRow(n, "T", genres) for n, genres in enumerate(rows)), "movies.csv")
    assert movies.genre_names == ("Action", "Western", "Art", "Zany")
    assert movies.genres.astype(int).tolist() == [[0, 1, 0, 1], [0, 0, 0, 0], [1, 0, 1, 0]]


@pytest.mark.parametrize("largest", [40, 10**12])
def test_id_lookup_equals_a_dictionary(largest: int) -> None:
    rng = np.random.default_rng(0)
    ids = rng.permutation(np.append(np.arange(0, 40, 2), largest)).astype(np.int64)
    wanted = np.append(rng.integers(-5, 50, size=200), largest)
    row = {int(value): index for index, value in enumerate(ids)}
    assert IdIndex(ids).rows(wanted).tolist() == [row.get(int(value), -1) for value in wanted]
