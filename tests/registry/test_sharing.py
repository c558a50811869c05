"""Runs of the same data share files: what each can be asked, forgotten or deleted without the others."""

import os
from pathlib import Path

import pytest

from movierec_cli.registry import sharing
from movierec_cli.registry.forget import forget_user
from movierec_cli.registry.sharing import write_or_share
from movierec_cli.registry.store import load_run, remove_run
from tests.saved_runs import judged_run, run_config, sequence_config
from tests.small_dataset import small_dataset

SOURCE = small_dataset()
SHARED = ("user_ratings.npz", "test_ratings.npz", "catalogue.npz")


@pytest.fixture(autouse=True)
def share_small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "SHARED_FROM", 1)


def inodes(folder: Path) -> dict[str, int]:
    return {file.name: file.stat().st_ino for file in folder.iterdir()}


def test_what_two_runs_of_the_same_data_and_split_have_alike_is_on_the_disk_once(tmp_path: Path) -> None:
    first = judged_run(tmp_path, SOURCE, run_config())
    alone = first.size_bytes
    second = judged_run(tmp_path, SOURCE, run_config("timestamp"))
    one, other = inodes(first.folder), inodes(second.folder)
    assert [name for name in one if one[name] == other.get(name)].sort() == [*SHARED].sort()
    assert all(one[name] == other[name] for name in SHARED)
    on_disk = {file.stat().st_ino: file.stat().st_size for file in tmp_path.rglob("*") if file.is_file()}
    sizes = [load_run(run.folder).size_bytes for run in (first, second)]
    assert alone > sizes[0]
    assert sum(on_disk.values()) - 2 * len(SHARED) <= sum(sizes) <= sum(on_disk.values())


def test_a_run_of_another_split_shares_only_what_is_the_same(tmp_path: Path) -> None:
    first = judged_run(tmp_path, SOURCE, run_config())
    second = judged_run(tmp_path, SOURCE, sequence_config())
    one, other = inodes(first.folder), inodes(second.folder)
    assert one["user_ratings.npz"] == other["user_ratings.npz"]
    assert one["test_ratings.npz"] != other["test_ratings.npz"]


@pytest.mark.parametrize("removed", [0, 1])
def test_a_run_is_whole_after_the_other_was_removed(tmp_path: Path, removed: int) -> None:
    runs = [judged_run(tmp_path, SOURCE, run_config(*names)) for names in ((), ("timestamp",))]
    remove_run(tmp_path, runs[removed].record.name)
    left = load_run(runs[1 - removed].folder)
    assert len(left.user_ratings.movie) == len(SOURCE.ratings)
    assert len(left.outcome.rows) > 0
    assert all(file.stat().st_nlink == 1 for file in left.folder.iterdir())


def test_all_runs_forget_a_user_and_share_again_what_is_left(tmp_path: Path) -> None:
    runs = [judged_run(tmp_path, SOURCE, run_config(*names)) for names in ((), ("timestamp",))]
    before = inodes(runs[0].folder)
    user_id = int(SOURCE.users.user_id[3])
    assert forget_user(tmp_path, user_id).problems == ()
    one, other = (load_run(run.folder) for run in runs)
    assert user_id not in one.artifacts.user_ids and user_id not in other.artifacts.user_ids
    after = inodes(one.folder)
    assert after["user_ratings.npz"] == inodes(other.folder)["user_ratings.npz"]
    assert after["user_ratings.npz"] != before["user_ratings.npz"]
    assert len(one.user_ratings.movie) < len(SOURCE.ratings)


def test_a_damaged_file_of_another_run_is_not_shared(tmp_path: Path) -> None:
    first = judged_run(tmp_path, SOURCE, run_config())
    damaged = first.folder / "user_ratings.npz"
    content = bytearray(damaged.read_bytes())
    content[100] ^= 255
    damaged.write_bytes(content)
    second = judged_run(tmp_path, SOURCE, run_config("timestamp"))
    assert len(second.user_ratings.movie) == len(SOURCE.ratings)


def test_where_nothing_can_be_linked_each_run_has_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError("no hard links here")

    monkeypatch.setattr(os, "link", refuse)
    first, second = (judged_run(tmp_path, SOURCE, run_config(*names)) for names in ((), ("timestamp",)))
    assert len(first.user_ratings.movie) == len(second.user_ratings.movie) == len(SOURCE.ratings)
    assert all(file.stat().st_nlink == 1 for file in tmp_path.rglob("*.npz"))


def test_what_is_no_file_or_another_content_is_not_linked(tmp_path: Path) -> None:
    for name, content in (("other", b"1234"), ("shorter", b"12"), (".new", b"1235")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.npz").write_bytes(content)
    (tmp_path / "link").mkdir()
    (tmp_path / "link" / "a.npz").symlink_to(tmp_path / ".new" / "a.npz")
    (tmp_path / "file").write_bytes(b"1235")
    target = tmp_path / "a.npz"
    write_or_share(target, b"1235", tmp_path)
    assert target.read_bytes() == b"1235"
    assert target.stat().st_nlink == 1
