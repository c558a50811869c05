"""Folders that are no models, readers and writers at the same moment, and places that cannot be written."""

import errno
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from movierec_cli.cli.app import app
from movierec_cli.config import SplitConfig
from movierec_cli.data.split_data import split_data
from movierec_cli.errors import SavedModelError
from movierec_cli.experiment import trainer, training_task
from movierec_cli.files import atomic
from movierec_cli.models.observer import TrainingObserver
from movierec_cli.registry import manifest, store
from tests.bench.damage import ask, cases_of, make_runs, measured, mended
from tests.saved_runs import run_artifacts, run_config, run_parts, run_record, save_run
from tests.small_dataset import small_dataset


def of_text(text: str) -> Callable[[Path], None]:
    return lambda folder: mended(folder, "run.json", text.encode())


def with_record(**changes: object) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        document = json.loads((folder / "run.json").read_text())
        document["record"] |= changes
        mended(folder, "run.json", json.dumps(document).encode())

    return damage


def in_place_of(name: str, make: Callable[[Path], object]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        (folder / name).unlink()
        make(folder / name)

    return damage


DAMAGES = {
    "deep": (of_text('{"a":' * 200_000), "run.json is damaged: it is nested too deeply"),
    "digits": (of_text("[" + "9" * 5_000 + "]"), "run.json is damaged: Exceeds the limit"),
    "infinite": (of_text('{"a": 1e999}'), "run.json is damaged: 1e999 is no finite number"),
    "nan": (of_text('{"a": NaN}'), "run.json is damaged: NaN is no finite number"),
    "huge": (with_record(training_s=10**400), "'record.training_s' is a number of more than 64 bits"),
    "metrics": (with_record(test={"unseen": {"10": 0.5}, "all": {}, "recall": {}}), "are of different k"),
    "surrogates": (with_record(command="\udfff"), r"'record.command' is '\udfff', which is no text"),
    "long": (lambda folder: os.truncate(folder / "run.json", 1 << 40), "is longer than 16,777,216 bytes"),
    "pipe": (in_place_of("run.json", os.mkfifo), "run.json cannot be read"),
    "device": (in_place_of("run.json", lambda path: path.symlink_to("/dev/zero")), "run.json cannot be read"),
    "loop": (in_place_of("run.json", lambda path: path.symlink_to(path)), "run.json cannot be read"),
    "folder": (in_place_of("run.json", Path.mkdir), "run.json cannot be read"),
    "array pipe": (in_place_of("outcome.npz", os.mkfifo), "outcome.npz is damaged: it is not a regular file"),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGES)
def test_one_bad_folder_is_named_and_the_others_are_used(tmp_path: Path, name: str) -> None:
    damage, words = DAMAGES[name]
    good = save_run(tmp_path, run_record(), run_artifacts())
    bad = save_run(tmp_path, run_record("timestamp"), run_artifacts())
    damage(bad.folder)
    result = CliRunner().invoke(
        app, ["models", "list", "--json", "--saved_models_dir", str(tmp_path)], env={"COLUMNS": "999"}
    )
    document = json.loads(result.stdout)
    assert result.exit_code == 0
    assert [run["record"]["name"] for run in document["runs"]] == [good.record.name]
    (problem,) = document["problems"]
    assert problem["folder"] == str(bad.folder) and words in problem["message"]
    assert problem["message"].startswith(f"{bad.folder}: ")


def test_a_name_that_is_no_text_and_a_folder_that_may_not_be_read_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = save_run(tmp_path, run_record(), run_artifacts())
    os.mkdir(os.fsencode(tmp_path) + b"/caf\xe9")
    closed = save_run(tmp_path, run_record("timestamp"), run_artifacts()).folder
    opened = os.open

    def refuse(path: Path, *args: int) -> int:
        if Path(path).parent == closed:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return opened(path, *args)

    monkeypatch.setattr(os, "open", refuse)
    runs, problems = store.list_runs(tmp_path)
    assert [run.record.name for run in runs] == [good.record.name]
    messages = [problem.message for problem in problems]
    assert f"{closed}: run.json cannot be read: Permission denied" in messages
    assert any(rf"{tmp_path}/caf\udce9: run.json cannot be read" in message for message in messages)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, store.Run]:
    """A run of each kind without an engine."""
    return make_runs(tmp_path_factory.mktemp("made"), sequential=False)


@pytest.mark.parametrize("kind", ["towers", "joint", "baseline"])
def test_random_damage_is_an_answer_or_damaged(made: dict[str, store.Run], tmp_path: Path, kind: str) -> None:
    """A few of the cases of `tests.bench.damage`."""
    run = made[kind]
    folder = tmp_path / "damaged" / run.folder.name
    for file in sorted(run.folder.iterdir()):
        for _, content in cases_of(file.name, file.read_bytes(), 1, seed=5):
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(run.folder, folder)
            mended(folder, file.name, content)
            end, seconds, n_bytes = measured(lambda name=file.name: ask(folder, name))
            assert end in ("answer", "damaged") and seconds < 60
            assert n_bytes < 4 * run.size_bytes + (64 << 20)


# --- readers while a folder is replaced ---------------------------------------------------------------


@pytest.mark.parametrize("exchanged", [True, False])
def test_a_reader_finds_the_model_at_each_step_of_replacing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exchanged: bool
) -> None:
    """In one step; where names cannot be exchanged, a reader in the gap puts the old one back."""
    record = run_record()
    saved = save_run(tmp_path, record, run_artifacts(seed=1))
    if not exchanged:
        monkeypatch.setattr(atomic, "_exchange", lambda *_: False)
    rename, reads = Path.rename, []

    def read_then_rename(source: Path, target: Path) -> Path:
        renamed = rename(source, target)
        found = store.find_run(tmp_path, record.config, record.data)
        named = [run.record.name for run in store.list_runs(tmp_path)[0]]
        assert found is not None and named == [record.name]
        assert store.find_named(tmp_path, record.name).artifacts.user_ids.tolist() == [1, 2, 3]
        reads.append(source.name)
        return renamed

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", read_then_rename)
        patched.setattr(atomic, "recover", lambda directory: None)
        patched.setattr(store, "recover", lambda directory: None)
        if exchanged:
            save_run(tmp_path, replace(record, training_s=9.0), run_artifacts(seed=2))
    if not exchanged:
        rename(saved.folder, tmp_path / f".{record.name}.old-{'0' * 16}")
        found = store.find_run(tmp_path, record.config, record.data)
        assert found is not None and found.record == record
        save_run(tmp_path, replace(record, training_s=9.0), run_artifacts(seed=2))
    found = store.find_run(tmp_path, record.config, record.data)
    assert found is not None and found.record.training_s == 9.0
    assert [path.name for path in tmp_path.iterdir()] == [record.name]


def test_a_part_is_of_the_model_that_is_there_when_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, newer = run_record(), run_artifacts(seed=2)
    run = save_run(tmp_path, record, run_artifacts(seed=1))
    opened, left = manifest._opened, [newer]

    def replaced_before(path: Path, at_most: int) -> Any:
        if path.name == "artifacts.npz" and left:
            save_run(tmp_path, record, left.pop())
        return opened(path, at_most)

    monkeypatch.setattr(manifest, "_opened", replaced_before)
    np.testing.assert_array_equal(run.artifacts.user_embeddings, newer.user_embeddings)


# --- places that cannot be written --------------------------------------------------------------------


def no_room(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("problem", ["a file", "read-only", "full"])
def test_that_models_cannot_be_saved_is_found_before_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, problem: str
) -> None:
    directory = tmp_path / "saved_models"
    if problem == "a file":
        directory.write_text("")
    elif problem == "read-only":
        monkeypatch.setattr(store.tempfile, "TemporaryFile", no_room)
    else:
        usage = shutil.disk_usage(tmp_path)
        monkeypatch.setattr(store.shutil, "disk_usage", lambda _: usage._replace(free=1000))
    monkeypatch.setattr(training_task, "fit_run", lambda _: pytest.fail("it was trained"))
    data = split_data(small_dataset(), SplitConfig())
    with pytest.raises(SavedModelError, match=r"models cannot be saved in .*--saved_models_dir"):
        trainer.train_or_load(data, [run_config()], directory, TrainingObserver())


def test_what_is_saved_is_loaded_where_nothing_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = split_data(small_dataset(), SplitConfig())
    made = make_runs(tmp_path, sequential=False)["towers"]
    monkeypatch.setattr(store.tempfile, "TemporaryFile", no_room)
    (run,) = trainer.train_or_load(data, [made.record.config], tmp_path, TrainingObserver())
    assert run.record == made.record


@pytest.mark.parametrize("n_refusing", [1, 2, 3])
def test_a_model_that_cannot_be_saved_is_kept_elsewhere_and_can_be_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_refusing: int
) -> None:
    """In the user's data folder, else among the temporary files; where neither can be, the error is said."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr(store.tempfile, "gettempdir", lambda: str(tmp_path / "temporary"))
    directory, record = tmp_path / "saved models", run_record()
    refusing = [directory, tmp_path / "data", tmp_path / "temporary"][:n_refusing]
    write = Path.write_bytes

    def refuse(path: Path, content: bytes) -> int:
        return no_room() or 0 if any(one in path.parents for one in refusing) else write(path, content)

    made = store.RunFiles.of(record, run_parts(run_artifacts()))
    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", refuse)
        with pytest.raises(SavedModelError, match="cannot be written: No space left") as caught:
            store.install_or_keep(directory, made)
    assert list(directory.iterdir()) == []
    if n_refusing == 3:
        assert "kept" not in str(caught.value)
        return
    place = ["data", "temporary"][n_refusing - 1]
    assert f"The model is kept in {tmp_path / place}" in str(caught.value)
    subprocess.run(str(caught.value).partition("install it with: ")[2], shell=True, check=True)
    found = store.find_run(directory, record.config, record.data)
    assert found is not None and found.record == record and len(found.artifacts.user_ids) == 3
