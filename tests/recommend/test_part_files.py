"""Lists of many users as files: the same lists, whoever makes the parts, and nothing that is half done."""

import hashlib
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from movierec_cli.errors import MovierecError, UsageError
from movierec_cli.recommend.filters import Filters
from movierec_cli.recommend.many_users import Lister
from movierec_cli.recommend.part_files import MANIFEST, Shard, Written, write_parts
from movierec_cli.registry.store import Run
from movierec_cli.runners.in_process import InProcess
from movierec_cli.runners.local import LocalProcesses
from movierec_cli.runners.runner import Runner
from tests.saved_runs import judged_run, run_config
from tests.small_dataset import N_USERS, small_dataset, with_text_ids

TOP = 5


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return judged_run(tmp_path_factory.mktemp("saved_models"), small_dataset(), run_config())


def written(run: Run, folder: Path, shard: str = "", runner: Runner | None = None, **options: Any) -> Written:
    lister = Lister.of(run, run.artifacts.user_ids.tolist(), **{"top": TOP, **options})
    parsed = Shard.parse(shard) if shard else None
    return write_parts(lister, folder=folder, runner=runner or InProcess(), shard=parsed)


def parts_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def rows_of(run: Run, folder: Path) -> list[tuple[object, ...]]:
    frame = pl.read_parquet(folder / "*.parquet")
    assert frame.columns == ["user", "place", "movie_id", "title", "score", "new"]
    return frame.rows()


def expected_rows(run: Run) -> list[tuple[object, ...]]:
    lists = Lister.of(run, run.artifacts.user_ids.tolist(), top=TOP).lists().lists()
    return [
        (user, place, movie, title, score, is_new)
        for user, movies in lists
        for place, (movie, title, score, is_new) in enumerate(movies, start=1)
    ]


@pytest.mark.parametrize("with_texts", [False, True])
def test_parts_hold_the_lists_of_all_users_in_their_order(tmp_path: Path, with_texts: bool) -> None:
    source = with_text_ids(small_dataset()) if with_texts else small_dataset()
    run = judged_run(tmp_path / "saved_models", source, run_config())
    done = written(run, tmp_path / "parts", shard="1/3"), written(run, tmp_path / "parts")
    assert [(one.n_made, one.n_missing) for one in done] == [(1, 2), (2, 0)]
    assert rows_of(run, tmp_path / "parts") == expected_rows(run)


def test_the_manifest_is_there_when_the_last_part_is_and_tells_of_all(run: Run, tmp_path: Path) -> None:
    for shard in ("3/3", "1/3"):
        assert written(run, tmp_path, shard).document()["manifest"] is None
        assert not (tmp_path / MANIFEST).exists()
    last = written(run, tmp_path, "2/3")
    assert last.document()["manifest"] == str(tmp_path / MANIFEST)
    manifest = json.loads((tmp_path / MANIFEST).read_text("utf-8"))
    assert [part["file"] for part in manifest["parts"]] == [
        f"part-0000{n}-of-00003.parquet" for n in (1, 2, 3)
    ]
    for part in manifest["parts"]:
        assert part["sha256"] == hashlib.sha256((tmp_path / part["file"]).read_bytes()).hexdigest()
    assert sum(part["n_users"] for part in manifest["parts"]) == N_USERS
    assert sum(part["n_rows"] for part in manifest["parts"]) == last.n_rows == len(expected_rows(run))
    assert manifest["request"]["run"] == run.record.name


def test_processes_make_the_same_files(run: Run, tmp_path: Path) -> None:
    for folder, runner in ((tmp_path / "here", InProcess()), (tmp_path / "apart", LocalProcesses(2))):
        written(run, folder, "1/4")
        assert written(run, folder, runner=runner).n_made == 3
    assert parts_of(tmp_path / "here") == parts_of(tmp_path / "apart")


def test_only_what_is_missing_is_made_again(run: Run, tmp_path: Path) -> None:
    written(run, tmp_path, "1/3")
    written(run, tmp_path)
    before = parts_of(tmp_path)
    (tmp_path / "part-00002-of-00003.parquet").unlink()
    assert written(run, tmp_path).n_made == 1
    assert parts_of(tmp_path) == before
    assert written(run, tmp_path).n_made == 0


def test_a_complete_folder_is_compared_with_its_manifest(run: Run, tmp_path: Path) -> None:
    written(run, tmp_path, "1/2")
    written(run, tmp_path)
    first = tmp_path / "part-00001-of-00002.parquet"
    content = first.read_bytes()
    other = pl.read_parquet(first).with_columns(score=pl.col("score") + 1)
    other.write_parquet(first, metadata=pl.read_parquet_metadata(first))
    with pytest.raises(MovierecError, match=r"manifest\.json tells of other parts .*part-00001-of-00002"):
        written(run, tmp_path)
    first.write_bytes(content)
    (tmp_path / MANIFEST).write_text("{")
    with pytest.raises(MovierecError, match=r"manifest\.json is damaged: .*; delete it"):
        written(run, tmp_path)


@pytest.mark.parametrize("options", [{"top": TOP + 1}, {"filters": Filters(include_seen=True)}])
def test_parts_of_other_lists_are_not_taken_for_these(
    run: Run, tmp_path: Path, options: dict[str, Any]
) -> None:
    written(run, tmp_path)
    with pytest.raises(MovierecError, match="holds lists of another model, other users or other options"):
        written(run, tmp_path, **options)


def test_a_file_that_is_no_part_is_not_taken_for_one(run: Run, tmp_path: Path) -> None:
    (tmp_path / "part-00001-of-00001.parquet").write_bytes(b"PAR1")
    with pytest.raises(MovierecError, match=r"part-00001-of-00001\.parquet holds lists of another model"):
        written(run, tmp_path)


def test_parts_of_another_number_are_refused(run: Run, tmp_path: Path) -> None:
    written(run, tmp_path, "1/3")
    with pytest.raises(MovierecError, match="holds parts of 3, and --shard says 4"):
        written(run, tmp_path, "1/4")
    with pytest.raises(UsageError, match="21 parts are more than the 20 users"):
        written(run, tmp_path / "other", "1/21")


@pytest.mark.parametrize("text", ["0/3", "4/3", "3", "a/b", "1/", "1/2/3", "-1/3"])
def test_a_shard_is_a_part_of_so_many(text: str) -> None:
    with pytest.raises(UsageError, match=f"--shard is '{text}'; it must be"):
        Shard.parse(text)
