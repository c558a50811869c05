from pathlib import Path

import pytest

from movierec_cli.config import Family
from movierec_cli.errors import MovierecError
from movierec_cli.export.export_run import check_output, default_output, export_run, write_folder
from movierec_cli.export.kinds import ExportFormat
from movierec_cli.export.saved_model import ABOUT
from movierec_cli.registry.store import Run
from tests.saved_runs import rating_baseline_run, run_artifacts, run_record, save_run
from tests.small_dataset import small_dataset


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return save_run(tmp_path / "saved_models", run_record(), run_artifacts())


def version(folder: Path, content: str = "a model") -> None:
    """What a SavedModel looks like from outside."""
    (folder / ABOUT).parent.mkdir(parents=True)
    (folder / ABOUT).write_text("{}")
    (folder / "saved_model.pb").write_text(content)


def test_the_models_name_is_the_files_in_the_current_folder(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    exported = export_run(run, ExportFormat.NPZ)
    assert exported.path == tmp_path / f"{run.record.name}.npz"
    assert exported.size_bytes == exported.path.stat().st_size
    assert export_run(run, ExportFormat.NPZ, tmp_path / "a" / "b" / "model.npz").path.is_file()
    assert default_output("a", ExportFormat.SAVEDMODEL) == Path("a-savedmodel")
    assert default_output("a", ExportFormat.ONNX) == Path("a.onnx")


def test_a_file_is_replaced_on_demand_only_and_a_device_stays(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "model.npz"
    file.write_text("mine")
    with pytest.raises(MovierecError, match=r"model\.npz exists; replace it with --overwrite"):
        export_run(run, ExportFormat.NPZ, file)
    assert file.read_text() == "mine"
    export_run(run, ExportFormat.NPZ, file, overwrite=True)
    assert file.read_bytes().startswith(b"PK")
    assert export_run(run, ExportFormat.NPZ, Path("/dev/null")).size_bytes > 1000
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize(("name", "place"), [("served", "served/1"), ("2", "2")])
def test_a_saved_model_is_a_version_of_what_is_served(name: str, place: str, tmp_path: Path) -> None:
    assert write_folder(tmp_path / name, version) == tmp_path / place
    assert (tmp_path / place / "saved_model.pb").is_file()
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_an_exported_model_is_replaced_as_a_whole(tmp_path: Path) -> None:
    target = tmp_path / "served"
    for number in ("1", "2"):
        version(target / number)
    with pytest.raises(MovierecError, match="exists; replace it with --overwrite"):
        check_output(target, is_folder=True, overwrite=False)
    check_output(target, is_folder=True, overwrite=True)
    write_folder(target, lambda folder: version(folder, "newer"))
    assert [path.name for path in target.iterdir()] == ["1"]
    assert (target / "1" / "saved_model.pb").read_text() == "newer"


def test_one_version_may_be_replaced_or_added_and_other_things_are_left_alone(tmp_path: Path) -> None:
    served = tmp_path / "served"
    served.mkdir()
    check_output(served, is_folder=True, overwrite=False)
    assert write_folder(served, version) == served / "1"
    check_output(served / "1", is_folder=True, overwrite=True)
    check_output(served / "2", is_folder=True, overwrite=False)
    write_folder(served / "2", version)
    assert sorted(path.name for path in served.iterdir()) == ["1", "2"]
    (served / "notes.txt").write_text("mine")
    with pytest.raises(MovierecError, match="holds something else than an exported model"):
        check_output(served, is_folder=True, overwrite=True)


@pytest.mark.parametrize(
    ("is_folder", "message"),
    [(True, "is a file, and this format is a folder"), (False, "is a folder, and this")],
)
def test_a_file_and_a_folder_do_not_replace_each_other(is_folder: bool, message: str, tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.touch() if is_folder else place.mkdir()
    with pytest.raises(MovierecError, match=message):
        check_output(place, is_folder=is_folder, overwrite=True)


def test_a_place_in_a_file_is_refused_before_the_work(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MovierecError, match="served cannot be written: Not a directory"):
        export_run(run, ExportFormat.SAVEDMODEL, tmp_path / "file" / "served")


def test_what_fails_leaves_what_was_there(tmp_path: Path) -> None:
    version(tmp_path / "served" / "1")

    def fail(folder: Path) -> None:
        version(folder)
        raise OSError(28, "No space left on device")

    with pytest.raises(MovierecError, match="served cannot be written: No space left on device"):
        write_folder(tmp_path / "served", fail)
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.glob("*/*")] == ["served/1"]
    assert [path.name for path in tmp_path.iterdir()] == ["served"]


def test_a_model_that_a_killed_export_took_aside_is_there_again_and_not_replaced_unasked(
    tmp_path: Path,
) -> None:
    version(tmp_path / "served" / "1")
    (tmp_path / "served").rename(tmp_path / ".served.old-0123456789abcdef")
    with pytest.raises(MovierecError, match="exists; replace it with --overwrite"):
        check_output(tmp_path / "served", is_folder=True, overwrite=False)
    assert (tmp_path / "served" / "1" / "saved_model.pb").is_file()


@pytest.mark.parametrize("form", list(ExportFormat))
def test_a_baseline_of_ratings_has_nothing_to_export(form: ExportFormat, tmp_path: Path) -> None:
    baseline = rating_baseline_run(tmp_path, small_dataset(), Family.BIASED_MF)
    with pytest.raises(MovierecError, match="predicts ratings only and recommends nothing"):
        export_run(baseline, form, tmp_path / "out")
