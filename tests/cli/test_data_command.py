import json
from collections.abc import Callable
from pathlib import Path

import pytest

from movierec_cli.data.sources import SOURCES
from tests.cli.running import run

pytestmark = pytest.mark.usefixtures("own_folder")


def test_every_data_set_is_shown() -> None:
    result = run("data", "info")
    assert result.exit_code == 0, result.output
    assert all(key in result.stdout and source.title in result.stdout for key, source in SOURCES.items())


def test_an_imported_archive_is_counted_and_shown(archive_1m: Path) -> None:
    result = run("data", "import", str(archive_1m))
    assert result.exit_code == 0, result.output
    assert "96 ratings of 15 movies by 12 users" in result.stdout
    assert "SHA-256" in result.stderr
    (info,) = json.loads(run("data", "info", "1m", "--json").stdout)
    assert (info["n_ratings"], info["n_users"], Path(info["path"])) == (96, 12, Path("datasets/ml-1m.zip"))
    assert "96" in run("data", "info", "1m").stdout


def test_importing_as_json_is_one_document(archive_100k: Path) -> None:
    (stored,) = json.loads(run("data", "import", str(archive_100k), "--json", "--quiet").stdout)
    assert (stored["key"], stored["n_movies"]) == ("100k", 15)


def test_a_bad_archive_ends_with_1_and_leaves_nothing(
    tmp_path: Path, make_archive: Callable[..., Path]
) -> None:
    archive = make_archive("1m", replace={"ratings.dat": b"1::2::9::3\n"})
    result = run("data", "import", str(archive))
    assert result.exit_code == 1
    assert "ratings.dat" in result.stderr
    assert "line 1" in result.stderr
    assert not list(tmp_path.glob("datasets/*"))


@pytest.mark.parametrize("line", [("info", "2m"), ("fetch", "2m"), ("fetch", "sample")])
def test_a_name_without_archive_is_wrong_usage(line: tuple[str, str]) -> None:
    result = run("data", *line)
    assert result.exit_code == 2
    assert line[1] in result.stderr


def test_a_failed_download_says_what_to_fetch_and_where_to_put_it() -> None:
    result = run("data", "fetch", "100k", "--url", "http://127.0.0.1:9/ml-100k.zip", "--quiet")
    assert result.exit_code == 1
    assert "ml-100k.zip" in result.stderr
    assert "datasets/ml-100k.zip" in result.stderr
    assert "Traceback" not in result.output
