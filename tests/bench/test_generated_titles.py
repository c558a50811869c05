"""The made-up list of titles is what its benchmark takes it for."""

import csv
import gzip
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from tests.bench.generated_titles import COLUMNS, KINDS, write_titles

N_ROWS = 20_000
REAL = [
    f"tt{90_000_000 + n}\tmovie\tThé Home {n}\tHome: {n}\t0\t1995\t\\N\t{90 + n}\tDrama" for n in range(37)
]


@pytest.fixture(scope="module")
def extract(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("extract") / "real.tsv.gz"
    path.write_bytes(gzip.compress(("\n".join(["\t".join(COLUMNS), *REAL]) + "\n").encode()))
    return path


def lines_of(path: Path) -> list[str]:
    return gzip.decompress(path.read_bytes()).decode().removesuffix("\n").split("\n")


@pytest.fixture(scope="module")
def lines(extract: Path) -> list[str]:
    write_titles(extract.with_name("made.tsv.gz"), extract, N_ROWS)
    return lines_of(extract.with_name("made.tsv.gz"))


def test_the_extracts_rows_are_there_as_they_are_at_even_distances(lines: list[str]) -> None:
    assert lines[0] == "\t".join(COLUMNS)
    assert len(lines) == 1 + N_ROWS == 1 + len({line.split("\t")[0] for line in lines[1:]})
    places = [place for place, line in enumerate(lines[1:]) if line in set(REAL)]
    assert [lines[1 + place] for place in places] == REAL
    assert {b - a for a, b in pairwise(places)} <= {N_ROWS // 37, N_ROWS // 37 + 1}


def test_kinds_years_and_titles_are_like_the_real_lists_and_never_the_extracts(lines: list[str]) -> None:
    rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    made = [row for row in rows if not row["tconst"].startswith("tt9000")]
    counts = Counter(row["titleType"] for row in made)
    unknown = Counter(row["titleType"] for row in made if row["runtimeMinutes"] == r"\N")
    for kind in KINDS:
        assert counts[kind.name] / len(made) == pytest.approx(kind.share, abs=0.01)
        if counts[kind.name] > 1000:
            assert unknown[kind.name] / counts[kind.name] == pytest.approx(kind.unknown_minutes, abs=0.05)
    years = [int(row["startYear"]) for row in made if row["startYear"] != r"\N"]
    assert 0.8 < len(years) / len(made) < 0.95
    assert min(years) >= 1890 and max(years) <= 2027
    titles = [title for row in made for title in (row["primaryTitle"], row["originalTitle"])]
    assert 14 < sum(map(len, titles)) / len(titles) < 26
    assert 0.05 < sum(not title.isascii() for title in titles) / len(titles) < 0.4
    known = {"the", "thé", "home", *map(str, range(37))}
    named = [title for title in titles if not title.startswith("Episode #")]
    parts = [part for title in named for part in title.lower().split(": ")]
    assert not any(known.issuperset(part.split(" ")) for part in parts)


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(extract: Path, tmp_path: Path) -> None:
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        write_titles(tmp_path / name, extract, 500, seed)
    contents = [(tmp_path / name).read_bytes() for name in "abc"]
    assert contents[0] == contents[1] != contents[2]


def test_rows_that_come_again_have_tconsts_of_their_own(
    extract: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.bench.generated_titles._N_DIFFERENT", 7)
    write_titles(tmp_path / "t", extract, 100)
    lines = lines_of(tmp_path / "t")
    assert [line for line in lines if line in set(REAL)] == REAL
    assert len({line.split("\t")[0] for line in lines}) == len(lines) == 101


def test_as_many_rows_as_the_extract_has_are_the_extract_and_fewer_are_refused(
    extract: Path, tmp_path: Path
) -> None:
    write_titles(tmp_path / "t", extract, len(REAL))
    assert lines_of(tmp_path / "t")[1:] == REAL
    with pytest.raises(ValueError, match=r"n_rows is 36, but .* has 37 rows"):
        write_titles(tmp_path / "t", extract, len(REAL) - 1)
