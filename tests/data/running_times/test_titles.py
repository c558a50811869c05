"""Reading IMDb's list as a stream."""

import gzip
from pathlib import Path

import pytest

from movierec_cli.data.running_times import titles_file as titles
from movierec_cli.data.running_times.titles_file import entry_rows
from movierec_cli.errors import DataError
from tests.tiny_titles import HEADER, title_line, write_list

NONE: frozenset[int] = frozenset()


def numbers(file: Path, years: set[int], ids: frozenset[int] = NONE) -> list[int]:
    return [row.entry().number for row in entry_rows(file, frozenset(years), ids)]


@pytest.mark.parametrize("name", ["titles.tsv", "titles.tsv.gz"])
def test_films_of_the_wanted_years_come_packed_or_not(tmp_path: Path, name: str) -> None:
    lines = [
        title_line(1, "A", 1994, 90),
        title_line(2, "B", 1996, 90),
        title_line(3, "C", 1994, 20, kind="tvEpisode"),
        title_line(4, "D", 1994, 20, kind="videoGame"),
        title_line(5, "E", 1994, 20, kind="short"),
        title_line(6, "F", r"\N", 20),
    ]
    assert numbers(write_list(tmp_path / name, lines), {1994}) == [1, 5]


def test_wanted_ids_come_whatever_they_are(tmp_path: Path) -> None:
    lines = [title_line(3, "C", 1950, 20, kind="tvEpisode"), title_line(12345678, "F", r"\N", 20)]
    file = write_list(tmp_path / "titles.tsv", lines)
    assert numbers(file, set(), frozenset({3, 12345678, 99})) == [3, 12345678]


@pytest.mark.parametrize("chunk", [1, 7, 64, 1000])
def test_where_a_block_ends_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(titles, "_CHUNK_BYTES", chunk)
    lines = [title_line(number, f"Film {number}", 1994, 90) for number in range(1, 30)]
    file = write_list(tmp_path / "titles.tsv", lines)
    assert numbers(file, {1994}) == list(range(1, 30))
    file.write_bytes(file.read_bytes().rstrip(b"\n"))
    assert numbers(file, {1994}) == list(range(1, 30))


def test_lengths_that_cannot_be_are_unknown_and_adult_films_no_features(tmp_path: Path) -> None:
    lines = [
        title_line(1, "A", 1994, r"\N"),
        title_line(2, "B", 1994, 1001),
        title_line(3, "C", 1994, 1000),
        title_line(4, "D", 1994, 0),
        title_line(5, "E", 1994, 90, adult=1),
        title_line(6, "F", 1994, 90, kind="tvMovie"),
    ]
    entries = [
        row.entry() for row in entry_rows(write_list(tmp_path / "t.tsv", lines), frozenset({1994}), NONE)
    ]
    assert [entry.minutes for entry in entries] == [0, 0, 1000, 0, 90, 90]
    assert [entry.is_feature for entry in entries] == [True] * 4 + [False] * 2


def test_progress_ends_at_the_files_size(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    file = write_list(tmp_path / "t.tsv.gz", [title_line(1, "A", 1994, 90)])
    list(entry_rows(file, frozenset({1994}), NONE, lambda *heard: seen.append(heard)))
    assert seen[-1] == ("reading t.tsv.gz", file.stat().st_size, file.stat().st_size)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not IMDb's list of titles: its first line is ''"),
        (b"<html>not found</html>", "its first line is '<html>not found"),
        (gzip.compress(HEADER.encode() * 50)[:-20], "cannot be read to its end"),
        (b"\x1f\x8bnonsense" * 9, "cannot be read to its end"),
    ],
)
def test_another_or_a_damaged_file_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "titles.tsv.gz"
    file.write_bytes(content)
    with pytest.raises(DataError, match=message):
        numbers(file, {1994})
