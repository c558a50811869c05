import json
from collections.abc import Callable
from pathlib import Path

import pytest

from movierec_cli.data.sources import SOURCES
from tests.cli.running import check_row, rows, run

pytestmark = pytest.mark.usefixtures("own_folder")


def test_every_data_set_is_shown() -> None:
    result = run("data", "info")
    assert result.exit_code == 0, result.output
    assert all(key in result.stdout and source.title in result.stdout for key, source in SOURCES.items())


def test_an_imported_archive_is_counted_and_shown(archive_1m: Path, archive_100k: Path) -> None:
    (stored,) = json.loads(run("data", "import", str(archive_100k), "--json", "--quiet").stdout)["data_sets"]
    assert (stored["key"], stored["n_movies"]) == ("100k", 15)
    result = run("data", "import", str(archive_1m))
    assert result.exit_code == 0, result.output
    assert "96 ratings of 15 movies by 12 users" in result.stdout
    assert "SHA-256" in result.stderr
    (info,) = json.loads(run("data", "info", "1m", "--json").stdout)["data_sets"]
    assert (info["n_ratings"], info["n_users"], Path(info["path"])) == (96, 12, Path("datasets/ml-1m.zip"))
    assert "96" in run("data", "info", "1m").stdout


def test_a_bad_archive_ends_with_1_and_leaves_nothing(
    tmp_path: Path, make_archive: Callable[..., Path]
) -> None:
    archive = make_archive("1m", replace={"ratings.dat": b"1::2::9::3\n"})
    result = run("data", "import", str(archive))
    assert result.exit_code == 1
    assert "ratings.dat" in result.stderr
    assert "line 1" in result.stderr
    assert not list(tmp_path.glob("datasets/*"))


REFUSED = """
2 | data info 2m | 2m
2 | data fetch 2m | 2m
2 | data fetch sample | sample
1 | data fetch 100k --url http://127.0.0.1:9/ml-100k.zip --quiet | ml-100k.zip | at datasets/ml-100k.zip
"""


@pytest.mark.parametrize("row", rows(REFUSED))
def test_what_cannot_be_had_is_refused_with_what_to_do(row: str) -> None:
    check_row(row)


def test_brackets_of_data_are_no_styles(tmp_path: Path) -> None:
    (tmp_path / "ratings.csv").write_text(
        "user,item,rating,[/]\n"
        + "".join(f"{u},[red]{i},{1 + i},[/b]{i}\n" for u in range(6) for i in range(5))
    )
    found = run("data", "describe", str(tmp_path))
    assert found.exit_code == 0, found.output
    assert "[/]" in found.stdout
