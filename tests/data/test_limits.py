"""Archives and lists made to fill the memory or the disk: refused quickly, by a message with a way out."""

import gzip
import os
import struct
import time
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from movierec_cli.config import DataConfig
from movierec_cli.data import limits
from movierec_cli.data.limits import FACTOR_VARIABLE, Limit
from movierec_cli.data.reader import rating_blocks
from movierec_cli.data.running_times import titles_file
from movierec_cli.data.running_times.titles_file import entry_rows
from movierec_cli.errors import DataError, UsageError
from tests.data.own_archives import MakeArchive, Members, load
from tests.file_server import FileServer
from tests.tiny_titles import HEADER, title_line

MIB = 1 << 20
GENRES = b"".join(b"%d::Film (1990)::Genre %d|%d\n" % (n, n, n) for n in range(1, 601))
LONG = b'movieId,title,genres\n1,"%s","%s"\n'


@contextmanager
def refused(words: str, *, at_most_s: float = 5, at_most_mib: int = 160) -> Iterator[None]:
    """The block ends soon, without much memory, in a `DataError` that says how to raise the limit."""
    tracemalloc.start()
    start_s = time.perf_counter()
    try:
        with pytest.raises(DataError, match=f"{words}.*{FACTOR_VARIABLE}=10"):
            yield
        assert time.perf_counter() - start_s < at_most_s
        assert tracemalloc.get_traced_memory()[1] < at_most_mib * MIB
    finally:
        tracemalloc.stop()


def write_stored(path: Path, contents: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as zipped:
        for name, content in contents.items():
            zipped.writestr(name, content)
    return path


@pytest.fixture
def zeros(tmp_path: Path, members: Members) -> Path:
    """A zip of 150 KB whose ratings unpack to 150 MB."""
    return write_stored(tmp_path / "zeros.zip", {**members("1m"), "ratings.dat": bytes(150 * MIB)})


def test_ratings_that_unpack_to_much_from_little_are_refused_and_where_that_is_raised_the_next_limit_holds(
    zeros: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with refused(r"ratings\.dat: unpacks to more than 100 times its size"):
        load(zeros)
    monkeypatch.setenv(FACTOR_VARIABLE, "12")
    with refused(r"ratings\.dat, line 1: begins a line, or blank lines, of more than 12,000,000 bytes"):
        load(zeros)


def test_under_a_raised_limit_all_is_read(make_archive: MakeArchive, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = load(make_archive("csv"))
    monkeypatch.setattr(limits, "LINE_BYTES", Limit(20, "begins a line of more than {} bytes"))
    monkeypatch.setattr(limits, "MEMBERS", Limit(4, "holds more than {} files"))
    monkeypatch.setenv(FACTOR_VARIABLE, "20")
    more = {f"more{n}": b"" for n in range(60)}
    wide = make_archive("csv", name="wide", folder=True, replace=more, inner="")
    header = b"userId,movieId,rating,timestamp," + b"n" * 200
    ratings = (wide / "ratings.csv").read_bytes().replace(b"\n", b",\n").split(b"\n", 1)[1]
    (wide / "ratings.csv").write_bytes(header + b"\n" + ratings)
    assert load(wide).ratings.timestamp.tolist() == plain.ratings.timestamp.tolist()


def test_a_member_that_says_too_little_of_its_size_fills_nothing(zeros: Path) -> None:
    content = zeros.read_bytes().replace(struct.pack("<I", 150 * MIB), struct.pack("<I", 500))
    zeros.write_bytes(content)
    with pytest.raises(DataError, match="damaged"):
        load(zeros)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_bomb_by_a_method_that_unpacks_at_once_fills_nothing(
    method: int, tmp_path: Path, members: Members
) -> None:
    bomb = {**members("1m"), "ratings.dat": bytes(60 * MIB)}  # below what may come from anything
    with refused("begins a line, or blank lines, of more than", at_most_mib=200):
        load(write_stored(tmp_path / "bomb.zip", bomb, method))


@pytest.mark.parametrize("member", ["ratings.dat", "users.dat"])
def test_a_file_of_a_folder_that_is_too_large_is_refused_before_it_is_read(
    member: str, make_archive: MakeArchive
) -> None:
    folder = make_archive("1m", folder=True, inner="")
    with (folder / member).open("r+b") as file:
        file.truncate(10**12)  # sparse: it takes no place
    with refused(rf"{member}: has more than 4,000,000,000 bytes when unpacked"):
        load(folder)


def test_a_table_of_movies_that_is_too_large_is_refused(make_archive: MakeArchive) -> None:
    lines = b"".join(b"%d::%s::Drama\n" % (n, os.urandom(2_000).hex().encode()) for n in range(20_000))
    with refused(r"movies\.dat: has more than 64,000,000 bytes", at_most_s=15, at_most_mib=400):
        load(make_archive("1m", folder=True, replace={"movies.dat": lines}))


def test_overlapping_members_are_refused(tmp_path: Path, members: Members) -> None:
    path = write_stored(tmp_path / "a.zip", {**members("1m"), "more": bytes(100)}, zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    directory = content.index(b"PK\x01\x02")
    second = content.index(b"PK\x01\x02", directory + 1)
    content[second + 42 : second + 46] = (10).to_bytes(4, "little")  # where its local header is said to be
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"cannot be read as a zip \('ratings.dat' overlaps 'movies.dat'"):
        load(path)


def test_a_zip_within_a_zip_is_not_looked_into(archive_1m: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"ml-1m\.zip: is a zip within"):
        load(write_stored(tmp_path / "nested.zip", {"ml-1m.zip": archive_1m.read_bytes()}))


@pytest.mark.parametrize("folder", [False, True])
def test_too_many_files_are_refused(
    folder: bool, make_archive: MakeArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MEMBERS", Limit(20, "holds more than {} files"))
    path = make_archive("1m", replace={f"{n}": b"" for n in range(21)}, folder=folder)
    with refused("holds more than 20 files"):
        load(path)


def test_a_long_list_of_files_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    size = 30 * MIB
    path.write_bytes(bytes(size) + struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 9, 9, size, 0, 0))
    with refused(r"a\.zip: holds a list of files of more than 2,560,000 bytes", at_most_mib=2):
        load(path)


@pytest.mark.parametrize(
    "make", [os.mkfifo, lambda file: file.symlink_to("/dev/zero")], ids=["fifo", "device"]
)
@pytest.mark.parametrize(
    ("place", "words"),
    [("../ml.zip", "is neither a file nor a folder"), ("ratings.dat", "has no table")],
    ids=["archive", "member"],
)
def test_what_is_no_regular_file_is_refused_and_not_waited_for(
    make: Callable[[Path], None], place: str, words: str, make_archive: MakeArchive
) -> None:
    folder = make_archive("1m", folder=True, inner="")
    file = folder / place
    file.unlink(missing_ok=True)
    make(file)
    with pytest.raises(DataError, match=words):
        load(folder if place == "ratings.dat" else file)


# Text


@pytest.mark.parametrize(
    "filler", [b"1", b"\n", b"\r\n"], ids=["line", "blank lines", "blank lines of Windows"]
)
def test_a_line_without_an_end_is_refused_by_its_number(
    filler: bytes, make_archive: MakeArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rating_blocks, "_BLOCK_BYTES", 100_000)
    content = b"1::1::5::0\n" + filler * (30 * MIB // len(filler))
    folder = make_archive("1m", folder=True, replace={"ratings.dat": content})
    with refused(r"ratings\.dat, line 2: begins a line, or blank lines, of more than 1,000,000 bytes"):
        load(folder)


@pytest.mark.parametrize(
    ("layout", "member", "content", "words"),
    [
        ("csv", "ratings.csv", b"u" * 20 * MIB, "begins a line"),
        ("1m", "movies.dat", GENRES, "has more than 1,000 different genres"),
        ("csv", "movies.csv", LONG % (b"x" * 2_001, b"Drama"), "a title or genres of more than 2,000 chara"),
        ("csv", "movies.csv", LONG % (b"Film", b"x" * 2_001), "a title or genres of more than 2,000 chara"),
    ],
    ids=["header without an end", "genres", "long title", "long genres"],
)
def test_text_without_measure_is_refused(
    layout: str, member: str, content: bytes, words: str, make_archive: MakeArchive
) -> None:
    place = rf"{member}, line 2: has" if content.startswith(b"movieId") else f"{member}:"
    with refused(f"{place} {words}"):
        load(make_archive(layout, folder=True, replace={member: content}))


# IMDb's list


LINE = title_line(1, "x" * 400_000, 1950, 90).encode()


@pytest.mark.parametrize(
    ("content", "problem"),
    [(bytes(30 * MIB), "begins a line"), (LINE * 100, "unpacks to more than 100 times its size")],
    ids=["no line ends", "much from little"],
)
def test_a_list_of_titles_that_is_a_bomb_is_refused(content: bytes, problem: str, tmp_path: Path) -> None:
    file = tmp_path / "titles.tsv.gz"
    file.write_bytes(gzip.compress(HEADER.encode() + content, 6))
    with refused(rf"titles\.tsv\.gz: {problem}"):
        list(entry_rows(file, frozenset({1994}), frozenset()))


def test_a_downloaded_list_is_not_unpacked_beyond_the_limit(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(titles_file, "TITLES_URL", server.url)
    server.body = gzip.compress(HEADER.encode() + bytes(150 * MIB))
    with refused("what was downloaded unpacks to more than 100 times its size"):
        titles_file.titles_file(DataConfig(datasets_dir=tmp_path / "ds"))
    assert list((tmp_path / "ds").iterdir()) == []


@pytest.mark.parametrize("text", ["0", "-1", "many", "nan", "inf"])
def test_a_factor_that_is_none_is_refused(
    text: str, archive_1m: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FACTOR_VARIABLE, text)
    with pytest.raises(UsageError, match=f"{FACTOR_VARIABLE} is '{text}'; it must be a number from 1"):
        load(archive_1m)
