import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from movierec_cli.config import Family, TowerConfig
from movierec_cli.errors import MovierecError, SavedModelError
from movierec_cli.registry.record import RunRecord, run_name
from movierec_cli.registry.run_parts import PARTS, RunArtifacts, UserRatings
from movierec_cli.registry.store import Run, find_named, find_run, list_runs, load_run, remove_run
from movierec_cli.storage import codec, npz
from tests.processes_of_tests import in_child
from tests.saved_runs import (
    baseline_run,
    data_identity,
    judged_run,
    multi_task_config,
    run_artifacts,
    run_config,
    run_record,
    save_run,
)
from tests.small_dataset import small_dataset


def find(directory: Path, record: RunRecord) -> Run | None:
    return find_run(directory, record.config, record.data)


def assert_same(left: RunArtifacts, right: RunArtifacts) -> None:
    assert left.vocabularies == right.vocabularies
    assert left.weights.keys() == right.weights.keys()
    pairs = [(left.weights[name], right.weights[name]) for name in left.weights]
    names = ("user_ids", "movie_ids", "user_embeddings", "movie_embeddings")
    for a, b in [*pairs, *((getattr(left, name), getattr(right, name)) for name in names)]:
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b, strict=True)


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_nothing_is_found_where_nothing_was_saved_and_nothing_saved_where_nothing_can_be(
    tmp_path: Path,
) -> None:
    assert find(tmp_path / "absent", run_record()) is None
    assert list_runs(tmp_path / "absent") == ([], [])
    (tmp_path / "file").write_text("")
    with pytest.raises(SavedModelError, match="cannot be written"):
        save_run(tmp_path / "file", run_record(), run_artifacts())


def test_another_configuration_or_other_data_is_another_run(tmp_path: Path) -> None:
    save_run(tmp_path, run_record(), run_artifacts())
    smaller = replace(run_config(), model=TowerConfig(embedding_size=8))
    others = [{"data": data_identity(fingerprint="cd" * 32)}, {"config": smaller}]
    for other in (run_record("timestamp"), *(run_record(**changes) for changes in others)):
        assert find(tmp_path, other) is None


def test_the_name_is_readable_short_and_safe_for_any_data_set() -> None:
    every = ("timestamp", "movie_title_text", "movie_genres", "movie_length", "user_history", "day_of_week")
    name = run_name(run_config(*every), data_identity(name="../My Ratings/é:*"))
    assert re.fullmatch(r"[a-z0-9][a-z0-9_.-]*-[0-9a-f]{12}", name)
    assert name.startswith("my-ratings-timestamp-movie_title_text")
    assert len(name) <= 80


def test_the_name_is_the_same_in_every_process() -> None:
    named = "run_name(run_config('movie_genres', 'timestamp'), data_identity())"
    script = f"from tests.saved_runs import *; print({named})"
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    command, root = [sys.executable, "-c", script], Path(__file__).resolve().parents[2]
    printed = subprocess.run(command, cwd=root, env=environment, capture_output=True, check=True, text=True)
    assert printed.stdout.strip() == run_name(run_config("timestamp", "movie_genres"), data_identity())


def test_a_saved_run_is_found_again_and_replaced_by_a_retrained_one(tmp_path: Path) -> None:
    for seed in (1, 2):
        record = run_record("timestamp", training_s=float(seed))
        save_run(tmp_path, record, run_artifacts(seed=seed))
        found = find(tmp_path, record)
        assert found is not None and found.record == record
        assert_same(found.artifacts, run_artifacts(seed=seed))
    assert [path.name for path in tmp_path.iterdir()] == [record.name]


def test_a_crash_at_any_step_of_replacing_leaves_a_complete_run(tmp_path: Path) -> None:
    for step in range(1, 40):
        directory = tmp_path / str(step)
        save_run(directory, run_record(training_s=1.0), run_artifacts(seed=1))

        def save(countdown: int = step, directory: Path = directory) -> None:
            def crash(event: str, args: tuple[object, ...]) -> None:
                nonlocal countdown
                if event in ("os.rename", "shutil.rmtree", "os.mkdir", "open") and str(directory) in str(
                    args[0]
                ):
                    countdown -= 1
                    if countdown == 0:
                        os._exit(9)

            sys.addaudithook(crash)
            save_run(directory, run_record(training_s=2.0), run_artifacts(seed=2))

        ended = in_child(save)
        found = find(directory, run_record())
        assert found is not None, f"step {step}: both runs are lost"
        assert found.record.training_s in (1.0, 2.0)
        assert_same(found.artifacts, run_artifacts(seed=int(found.record.training_s)))
        assert list_runs(directory)[1] == []
        if ended == 0:
            break
        assert ended == 9
    assert step > 6


def test_processes_saving_the_same_run_at_once_all_succeed(tmp_path: Path) -> None:
    def save(seed: int) -> int:
        record, artifacts = run_record(training_s=float(seed)), run_artifacts(seed=seed)
        return in_child(lambda: [save_run(tmp_path, record, artifacts) for _ in range(15)])

    reads = 0
    with ThreadPoolExecutor(2) as pool:
        writers = [pool.submit(save, seed) for seed in (1, 2)]
        while not all(writer.done() for writer in writers):
            found = find(tmp_path, run_record())
            if found is not None:
                assert len(found.artifacts.user_ids) == 3
                reads += 1
    assert [writer.result() for writer in writers] == [0, 0]
    assert reads > 0
    found = find(tmp_path, run_record())
    assert found is not None
    assert_same(found.artifacts, run_artifacts(seed=int(found.record.training_s)))
    assert [path.name for path in tmp_path.iterdir()] == [run_record().name]


def _flipped(content: bytes) -> Iterator[bytes]:
    """An npz with one bit of an array that is another, array by array."""
    for name, array in npz.read(io.BytesIO(content)).items():
        if array.size:
            header = content.index(b"\x93NUMPY", content.index(f"{name}.npy".encode()))
            place = content.index(b"\n", header) + 1 + array.nbytes // 2
            yield content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.mark.parametrize("part", PARTS)
def test_a_damaged_file_is_noticed_when_it_is_read_and_leaves_the_others_usable(
    tmp_path: Path, part: str
) -> None:
    if PARTS[part].belongs_to(Family.MULTI_TASK):
        saved = judged_run(tmp_path, small_dataset(), multi_task_config())
    else:
        saved = baseline_run(tmp_path, small_dataset(), Family.ITEM_KNN)
    file = saved.folder / PARTS[part].file_name
    content = file.read_bytes()
    for damaged in (content[:-5], *_flipped(content), content + b"more"):
        file.write_bytes(damaged)
        found = find(tmp_path, saved.record)
        assert found is not None
        with pytest.raises(SavedModelError, match=re.escape(f"{saved.folder}: {file.name} is damaged")):
            getattr(found, part)
        other = "outcome" if part == "artifacts" else "artifacts"
        assert getattr(found, other) is not None


def test_one_user_s_ratings_are_read_without_the_others_and_are_the_same(tmp_path: Path) -> None:
    saved = judged_run(tmp_path, small_dataset(), run_config())
    every = load_run(saved.folder).user_ratings
    for row in range(len(every.starts) - 1):
        run = load_run(saved.folder)
        for _ in range(2):
            alone = run.ratings_of(row)
            for name, values in vars(every.only(row)).items():
                np.testing.assert_array_equal(getattr(alone, name), values, strict=True)
        assert "user_ratings" not in vars(run)
    np.testing.assert_array_equal(run.ratings_of(0).seconds, every.seconds[every.of(0)])
    assert "user_ratings" in vars(run)  # whoever asks for a second user will ask for more
    popularity = load_run(saved.folder).popularity
    assert popularity.tolist() == run.popularity.tolist() == np.bincount(every.movie, minlength=40).tolist()


def test_what_was_flipped_in_one_user_s_ratings_or_the_movies_counts_is_noticed(tmp_path: Path) -> None:
    saved = judged_run(tmp_path, small_dataset(), run_config())
    file = saved.folder / "user_ratings.npz"
    content = file.read_bytes()
    *_, popularity, checksums = _flipped(content)
    start = content.index(b"stars.npy") + 200
    for damaged in (popularity, checksums, content[:start] + bytes(2_000) + content[start + 2_000 :]):
        file.write_bytes(damaged)
        run = load_run(saved.folder)
        with pytest.raises(SavedModelError, match=r"user_ratings\.npz is damaged"):
            [load_run(saved.folder).ratings_of(user) for user in range(len(run.artifacts.user_ids))]
    file.write_bytes(popularity)
    with pytest.raises(SavedModelError, match=r"user_ratings\.npz is damaged"):
        _ = load_run(saved.folder).popularity


@pytest.mark.parametrize(
    ("name", "values"),
    [("starts", [0, 9, 3]), ("starts", [0, -2, 3]), ("starts", [0, 1, 9]), ("movie", [0, 7])],
)
def test_one_user_s_ratings_are_checked_as_all_are(name: str, values: list[int]) -> None:
    columns = (np.zeros(2, kind) for kind in (np.int32, np.float32, np.int64))
    known = UserRatings.of_columns(np.arange(3), *columns, n_movies=5)
    arrays = codec.arrays_of(known)
    file = io.BytesIO(npz.pack(arrays | {name: np.array(values, arrays[name].dtype)}))
    with pytest.raises(ValueError, match=r"and not the slices|movie holds 7, which is not below n_movies"):
        UserRatings.read_one(file, 1, {"n_users": 2, "n_users + 1": 3, "n_movies": 5})


def _edited(content: bytes) -> bytes:
    return content.replace(b'"training_s": 4.0', b'"training_s": 3.0')


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut short": lambda content: content[:100],
    "empty": lambda content: b"",
    "no object": lambda content: b"[]",
    "not text": lambda content: b"\xff\xfe\x00",
    "edited": _edited,
    "of another version": lambda content: json.dumps(json.loads(content) | {"format_version": 99}).encode(),
}


@pytest.mark.parametrize("damage", [*DAMAGES, "run.json", "artifacts.npz"])
def test_a_damaged_or_incomplete_folder_is_named_not_trusted_not_deleted(tmp_path: Path, damage: str) -> None:
    good = save_run(tmp_path, run_record("timestamp"), run_artifacts())
    bad = save_run(tmp_path, run_record(), run_artifacts())
    if damage in DAMAGES:
        content = (bad.folder / "run.json").read_bytes()
        (bad.folder / "run.json").write_bytes(DAMAGES[damage](content))
    else:
        (bad.folder / damage).unlink()
    before = snapshot(bad.folder)
    runs, problems = list_runs(tmp_path)
    assert [run.record.name for run in runs] == [good.record.name]
    assert [problem.folder for problem in problems] == [bad.folder]
    with pytest.raises(SavedModelError, match=re.escape(str(bad.folder))):
        find(tmp_path, bad.record)
    with pytest.raises(SavedModelError, match="left alone"):
        remove_run(tmp_path, bad.record.name)
    save_run(tmp_path, bad.record, run_artifacts())
    assert find(tmp_path, bad.record) is not None
    (kept,) = tmp_path.glob("*.damaged-*")
    assert snapshot(kept) == before


def test_a_run_copied_under_another_name_is_not_trusted(tmp_path: Path) -> None:
    run = save_run(tmp_path, run_record(), run_artifacts())
    run.folder.rename(tmp_path / "1m-timestamp-0123456789ab")
    runs, problems = list_runs(tmp_path)
    assert runs == []
    assert run.record.name in problems[0].message


def test_what_cannot_be_used_or_has_the_wrong_name_is_not_saved(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="object"):
        save_run(tmp_path, run_record(), replace(run_artifacts(), weights={"w": np.array([{}])}))
    diverged = replace(run_artifacts(), user_embeddings=np.full((3, 2), np.nan, np.float32))
    with pytest.raises(MovierecError, match=r"user_embeddings holds nan.*lower --learning_rate"):
        save_run(tmp_path, run_record(), diverged)
    with pytest.raises(ValueError, match="its configuration gives"):
        save_run(tmp_path, run_record(name="1m-none-0123456789ab"), run_artifacts())
    assert list(tmp_path.iterdir()) == []


def test_removing_deletes_one_run_and_nothing_else(tmp_path: Path) -> None:
    first, second = (
        save_run(tmp_path, run_record(*names), run_artifacts()) for names in ((), ("timestamp",))
    )
    remove_run(tmp_path, first.record.name)
    assert [path.name for path in tmp_path.iterdir()] == [second.record.name]


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../outside", "/", "foreign", "link", run_record().name, ".hidden"]
)
def test_removing_refuses_what_is_no_run(tmp_path: Path, name: str) -> None:
    directory = tmp_path / "saved_models"
    run = save_run(tmp_path / "outside", run_record(), run_artifacts())
    for folder in ("foreign", ".hidden"):
        (directory / folder).mkdir(parents=True)
        (directory / folder / "precious.txt").write_text("mine")
    for link in ("link", run.record.name):
        (directory / link).symlink_to(run.folder)
    before = snapshot(tmp_path)
    with pytest.raises(SavedModelError):
        remove_run(directory, name)
    assert snapshot(tmp_path) == before


def test_a_name_without_its_checksum_is_of_one_model_though_others_begin_with_it(tmp_path: Path) -> None:
    wanted = save_run(tmp_path, run_record("timestamp"), run_artifacts())
    save_run(tmp_path, run_record("timestamp", "movie_genres"), run_artifacts())
    assert find_named(tmp_path, "1m-timestamp").record.name == wanted.record.name
    other = run_record("timestamp", data=data_identity(fingerprint="cd" * 32))
    save_run(tmp_path, other, run_artifacts())
    with pytest.raises(SavedModelError, match="begins the names of 3 models"):
        find_named(tmp_path, "1m-timestamp")
