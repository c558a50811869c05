"""Files of users and of pairs: what cannot be answered is counted, and the rest is answered."""

from pathlib import Path

import pytest

from movierec_cli.errors import DataError
from movierec_cli.recommend.batch_files import read_pairs, read_users
from movierec_cli.registry.store import Run
from tests.saved_runs import judged_run, multi_task_config
from tests.small_dataset import small_dataset, with_text_ids

NUMBERS = small_dataset()
TEXTS = with_text_ids(NUMBERS)


def written(folder: Path, content: str | bytes) -> Path:
    file = folder / "batch.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


@pytest.mark.parametrize(
    ("content", "users", "left_out"),
    [
        ("3\n1\n", [3, 1], []),
        ("\ufeffuser_id\r\n3\r\n\r\n1.0\r\n", [3, 1], []),
        ("note;userId\nx;3\ny;1\n", [3, 1], []),
        ('{"user": 3}\n{"user": "1"}\n', [3, 1], []),
        ("3,1994\n1,1995\n", [3, 1], []),
        ("Kunde\n3\n1\n", [3, 1], ["1 row left out, no such user: 'Kunde' (line 1)"]),
        ("id\n3\n99\n1\n3\n-1\nx\n0\n", [3, 1], [
            "4 rows left out, no such user: '99' (line 3), '-1' (line 6), 'x' (line 7) …",
            "1 row left out, listed before: '3' (line 5)",
        ]),
        ("user,age\n3,1\n1\n,7\n1,2\n", [3, 1], ["1 row left out, no user: '' (line 4)", "1 row skipped"]),
        ('user,name\n3,a\n2,"b"c\n1,d\n', [3, 1], ["1 row skipped: {file}, line 3: is no well-formed CSV"]),
        ('user,name\n3,a\n2,"b\n1,d\n', [3, 1], ["1 row skipped: {file}, line 3: is no well-formed CSV"]),
        (b"user,name\n3,Am\xe9lie\n1,x\n", [3, 1], ["it is no UTF-8, and was read as Windows-1252"]),
    ],
)  # fmt: skip
def test_users_are_found_in_any_table(
    tmp_path: Path, content: str | bytes, users: list[int], left_out: list[str]
) -> None:
    file = written(tmp_path, content)
    batch = read_users(file, NUMBERS.users.user_id)
    assert list(batch.wanted) == users
    assert len(batch.warnings) == len(left_out)
    for warning, part in zip(batch.warnings, left_out, strict=True):
        assert str(file) in warning and part.format(file=file) in warning


@pytest.mark.parametrize("header", ["", "user\n", "u2\n"])
def test_users_that_are_texts_are_no_header(tmp_path: Path, header: str) -> None:
    batch = read_users(written(tmp_path, f"{header}u3\nu1\n99\n"), TEXTS.users.user_id)
    assert batch.wanted == (("u2",) if header == "u2\n" else ()) + ("u3", "u1")
    (warning,) = batch.warnings
    assert "1 row left out, no such user: '99'" in warning


@pytest.fixture(scope="module", params=[NUMBERS, TEXTS], ids=["numbers", "texts"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return judged_run(tmp_path_factory.mktemp("runs"), request.param, multi_task_config())


def in_its_ids(run: Run, text: str) -> str:
    """With the run's ids instead of [1] and (100)."""
    user, movie = ("u", "tt") if isinstance(run.artifacts.user_ids[0], str) else ("", "")
    return text.replace("[", user).replace("]", "").replace("<", movie).replace(">", "")


@pytest.mark.parametrize(
    "content",
    [
        "user,movie\n[2],<103>\n[1],Film 100\n",
        "movie_id;note;userId\n<103>;x;[2]\nid:<100>;;[1]\n",
        "[2]\t<103>\n[1]\tFilm 100 (1980)\n",
        "[2]::<103>::5::1\n[1]::<100>::4::2\n",
        "Title,User\nFilm 103 (1983),[2]\n film 100 ,[1]\n",
        "user,work\n[2],<103>\n[1],<100>\n",
        '{"user": "[2]", "item_id": "<103>"}\n{"user": "[1]", "item_id": "<100>"}\n',
    ],
)
def test_pairs_are_found_by_the_columns_names_or_places(run: Run, tmp_path: Path, content: str) -> None:
    batch = read_pairs(written(tmp_path, in_its_ids(run, content)), run)
    ids = run.artifacts.user_ids.tolist()
    assert batch.wanted == ((ids[1], 3), (ids[0], 0)) and batch.warnings == ()


def test_pairs_without_an_answer_are_counted_and_the_first_named(run: Run, tmp_path: Path) -> None:
    text = "user,movie\n[1],<100>\nnobody,<100>\n,<100>\n[1],Nothing (1901)\n[1],\n[1]\n[2],<139>\n"
    file = written(tmp_path, in_its_ids(run, text))
    batch = read_pairs(file, run)
    ids = run.artifacts.user_ids.tolist()
    assert batch.wanted == ((ids[0], 0), (ids[1], 39))
    assert [one.removeprefix(f"{file}: ") for one in batch.warnings[:-1]] == [
        "1 row left out, no such user: 'nobody' (line 3)",
        "1 row left out, no user: '' (line 4)",
        "1 row left out, no such movie: 'Nothing (1901)' (line 5)",
        "1 row left out, no movie: '' (line 6)",
    ]
    assert batch.warnings[-1].startswith(f"1 row skipped: {file}, line 7: has 1 fields, needs 2")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("user,movie\n", "no pair is known; users have the ids 1 to 20, movies ids 100 to 139"),
        ("user,movie\n99,100\n1,x\n", "no such user: '99' (line 2); 1 row left out, no such movie: 'x'"),
        ("user,work,note\n1,100,x\n", "needs the columns user and movie; the columns are user, work, note"),
        ("1\n2\n", "needs the columns user and movie; it has no header"),
        (b"\x00\x01", "holds a NUL byte"),
    ],
)  # fmt: skip
def test_a_file_without_an_answer_is_an_error(tmp_path: Path, content: str | bytes, message: str) -> None:
    run = judged_run(tmp_path, NUMBERS, multi_task_config())
    file = written(tmp_path, content)
    with pytest.raises(DataError) as caught:
        read_pairs(file, run)
    assert str(caught.value).startswith(str(file)) and message in str(caught.value)
    with pytest.raises(DataError, match=r"none\.csv: does not exist"):
        read_pairs(tmp_path / "none.csv", run)
