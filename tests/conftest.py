"""Real data where it is at hand, and small synthetic archives in the three layouts."""

import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"

N_USERS, N_MOVIES, RATINGS_PER_USER = 12, 15, 8

_GENRES_1M = ("Action", "Children's", "Comedy", "Drama", "Sci-Fi")
_OCCUPATIONS_100K = ("technician", "writer", "none", "student")

ArchiveFactory = Callable[..., Path]


@pytest.fixture(autouse=True)
def own_cache_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the matches that the user keeps, or the log of errors."""
    monkeypatch.setenv("MOVIEREC_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.getbasetemp() / "state"))


def _ratings() -> list[tuple[int, int, int, int]]:
    """(user id, movie id, stars, timestamp): every user rates movies of their own choice, in no order."""
    return [
        (user, (user * 5 + 4 * turn) % N_MOVIES + 1, (user + turn) % 5 + 1, 978_300_000 + 100 * turn - user)
        for turn in range(RATINGS_PER_USER)
        for user in range(1, N_USERS + 1)
    ]


def _members_100k() -> dict[str, bytes]:
    flags = [["1" if genre == movie % 19 else "0" for genre in range(19)] for movie in range(1, N_MOVIES + 1)]
    movies = [
        f"{m}|Film {m} ({1980 + m})|01-Jan-1995||http://x|{'|'.join(flags[m - 1])}" for m in _movie_ids()
    ]
    users = [
        f"{u}|{10 + 4 * u}|{'MF'[u % 2]}|{_OCCUPATIONS_100K[u % 4]}|{u:05d}" for u in range(1, N_USERS + 1)
    ]
    return {
        "u.data": _lines("\t".join(map(str, row)) for row in _ratings()),
        "u.item": _lines(movies),
        "u.user": _lines(users),
    }


def _members_1m() -> dict[str, bytes]:
    movies = [f"{m}::Fílm {m}: it (is) ({1980 + m})::{_GENRES_1M[m % 5]}|Horror" for m in _movie_ids()]
    users = [f"{u}::{'MF'[u % 2]}::{(1, 18, 25)[u % 3]}::{u}::{u:05d}-1" for u in range(1, N_USERS + 1)]
    return {
        "ratings.dat": _lines("::".join(map(str, row)) for row in _ratings()),
        "movies.dat": _lines(movies),
        "users.dat": _lines(users),
    }


def _members_csv() -> dict[str, bytes]:
    movies = [f'{m},"Film, The ""{m}"" é ({1980 + m})",Drama|IMAX' for m in _movie_ids()[:-1]]
    last = f"{N_MOVIES},No year,(no genres listed)"
    ratings = [f"{user},{movie},{stars - 0.5},{time}" for user, movie, stars, time in _ratings()]
    return {
        "ratings.csv": _lines(["userId,movieId,rating,timestamp", *ratings]),
        "movies.csv": _lines(["movieId,title,genres", *movies, last], encoding="utf-8"),
    }


def _movie_ids() -> range:
    return range(1, N_MOVIES + 1)


def _lines(lines: object, encoding: str = "iso-8859-1") -> bytes:
    return "".join(f"{line}\n" for line in lines).encode(encoding)  # type: ignore[attr-defined]


_LAYOUTS: Mapping[str, tuple[str, Callable[[], dict[str, bytes]]]] = {
    "100k": ("ml-100k", _members_100k),
    "1m": ("ml-1m", _members_1m),
    "csv": ("ml-latest-small", _members_csv),
}


@pytest.fixture
def shared_data() -> Path:
    """The folder with the real archives."""
    if not (SHARED_DATA / "ml-1m.zip").exists():
        pytest.skip(f"real MovieLens data is not at {SHARED_DATA}")
    return SHARED_DATA


@pytest.fixture
def members() -> Callable[[str], dict[str, bytes]]:
    """members("1m") are the names and contents of a small synthetic archive: "100k", "1m" or "csv"."""
    return lambda layout: _LAYOUTS[layout][1]()


@pytest.fixture
def make_archive(tmp_path: Path) -> ArchiveFactory:
    """make_archive("1m", replace={"users.dat": b"..."}) writes such an archive and returns its path.

    replace: members' contents; None leaves a member out. name: the zip's or folder's stem.
    folder: a folder in place of a zip. inner: the folder inside ("" for none).
    """

    def make(
        layout: str,
        *,
        replace: Mapping[str, bytes | None] | None = None,
        name: str | None = None,
        folder: bool = False,
        inner: str | None = None,
        directory: Path = tmp_path,
    ) -> Path:
        stem, content = _LAYOUTS[layout]
        kept = {member: data for member, data in {**content(), **(replace or {})}.items() if data is not None}
        inner = stem if inner is None else inner
        files = {f"{inner}/{member}".lstrip("/"): data for member, data in kept.items()}
        path = directory / (name or stem)
        return _write_folder(path, files) if folder else _write_zip(path.with_name(f"{path.name}.zip"), files)

    return make


@pytest.fixture
def archive_100k(make_archive: ArchiveFactory) -> Path:
    """12 users, 15 movies, 96 ratings in the 100K layout, zipped."""
    return make_archive("100k")


@pytest.fixture
def archive_1m(make_archive: ArchiveFactory) -> Path:
    """The same ratings in the 1M layout, zipped."""
    return make_archive("1m")


@pytest.fixture
def archive_csv(make_archive: ArchiveFactory) -> Path:
    """The same ratings, half a star lower, in the CSV layout, zipped."""
    return make_archive("csv")


def _write_zip(path: Path, files: Mapping[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, data in files.items():
            zipped.writestr(name, data)
    return path


def _write_folder(path: Path, files: Mapping[str, bytes]) -> Path:
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path
