"""Whatever is typed by mistake: one clear message, exit 1 or 2, nothing written, nothing trained."""

import enum
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.core import TyperGroup, TyperOption

from movierec_cli.cli.app import app
from movierec_cli.config import DataConfig, train_options
from movierec_cli.config.option_values import type_of
from movierec_cli.data import load
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.load import load_dataset
from movierec_cli.experiment import loading, training_task
from tests.cli.fake_trainer import Fits
from tests.cli.running import check_refused, commands, run
from tests.saved_runs import judged_run, multi_task_config, run_config, sequence_config
from tests.small_dataset import small_dataset

LONG, DEEP = "é" * 200, "/".join(["a" * 200] * 25)

WORKING: dict[str, tuple[str, ...]] = {
    "train": ("--dataset", "sample", "--additional_feature_sets", "None"),
    "evaluate": ("sample-none-", "--baselines", "None"),
    "report": ("sample-none-", "--baselines", "None"),
    "doctor": ("--dataset", "sample"),
    "recommend": ("--user", "1"),
    "similar": ("Film 105",),
    "predict": ("--user", "1", "--movie", "id:105"),
    "explore": (),
    "export": ("--format", "npz"),
    "models list": (),
    "models show": ("sample-movie",),
    "models remove": (),
    "data info": (),
    "data fetch": ("100k", "--url", "http://127.0.0.1:9/ml-100k.zip", "--quiet"),
    "data import": ("ml-1m.zip",),
    "data lengths": ("--dataset", "sample"),
}
"""What each command needs; all but remove and fetch do their work."""


OPTIONS = {
    f"{path} {param.opts[0]}": (path, param)
    for path, command in commands("", typer.main.get_command(app))
    if not isinstance(command, TyperGroup)
    for param in command.params
    if isinstance(param, TyperOption) and param.name != "help"
}


WRITTEN = ("--csv", "--write_config", "--csv_log")


def mistakes(param: Any) -> list[tuple[str, ...]]:
    """Wrong ways to give an option: of its kind, by its metavar and its type."""
    name, kind = param.opts[0], param.type_descriptor.annotation
    if kind is str and param.name in train_options.OPTIONS:  # which is read from texts
        kind = type_of(train_options.OPTIONS[param.name].hint)
    if param.is_flag:
        return [(f"{name}=yes",), (f"{name}s",)]
    wrong = ["--json", f"{name}"]  # an option where its value should be
    if kind in (int, float):
        wrong += ["many", "nan", "", "1,5", *(["inf"] if kind is float else [])]
        wrong += ["-5"] if name != "--min_rating" else []  # which a scale of ratings may have
    elif isinstance(kind, type) and issubclass(kind, enum.Enum):
        wrong += ["sideways", "", "\x1b[2J", LONG]
    elif param.metavar == "FOLDER":
        wrong += ["file.txt", ""]
    elif kind is Path:
        wrong += ["saved_models" if "-o" in param.opts or name in WRITTEN else "none.csv", "", DEEP]
    else:
        wrong += ["", ","] if (param.metavar or "").endswith("...") else [""]
    several = [] if param.multiple else [(name, "1", name, "1")]
    return [*((name, value) for value in wrong), (name,), *several]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("careless")
    judged_run(folder / "saved_models", small_dataset("sample"), run_config())
    judged_run(folder / "saved_models", small_dataset("sample"), sequence_config())
    judged_run(folder / "saved_models", small_dataset("sample"), multi_task_config("movie_genres"))
    (folder / "file.txt").write_text("1\n")
    return folder


def sample(config: DataConfig, **options: Any) -> Dataset:
    """A small one in place of the embedded sample."""
    if config.archive is None and config.dataset == "sample":
        return small_dataset("sample")
    return load_dataset(config, **options)


@pytest.fixture
def careless(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Fits:
    """The trainings that were begun."""
    monkeypatch.chdir(folder)
    fits = Fits()
    monkeypatch.setattr(loading, "load_dataset", sample)
    monkeypatch.setattr(load, "load_dataset", sample)
    monkeypatch.setattr(training_task, "fit_run", fits)
    return fits


@pytest.mark.parametrize("option", OPTIONS)
def test_a_wrong_value_is_refused(option: str, careless: Fits) -> None:
    path, param = OPTIONS[option]
    base = list(WORKING.get(path, ()))
    if param.opts[0] in base and not param.multiple:
        place = base.index(param.opts[0])
        del base[place : place + 2]
    for mistake in mistakes(param):
        check_refused([*path.split(), *base, *mistake])
    assert careless.n_trained == 0


LINES = """
Train | modles list | models lst | data --json | 42 | -x | '' | LONG | recommend models list | '\x1b[2J'
models '' | --version=1 | évaluer | train train | --user 1 | -q recommend --user 1 | help | models list extra
train --dataset 1M | train --dataset samples | train --dataset sample 100k | train --archive file.txt
train --archive saved_models | train --archive none.zip | train --dataset sample --archive none.zip
train --layer_sizes 0 | train --layer_sizes 64 x | train --layer_sizes --l2 3 | train --num_epochs 0
train --learning_rate 0 | train --dropout 1 | train --patience -1 | train --seed 99999999999999999999
train --test_fraction 0 | train --test_fraction 1 | train --top_k 10 -10
train --family sasrec --layer_sizes 3 | train --tasks rating --retrieval_weight 2 | train --rank_by rating
train --refit --no_refit | train --dataset sample --movie_lengths x
train --split leave-last --test_fraction 0.1 | train --saved_models_dir file.txt/models
train --datasets_dir file.txt | train --dataset sample --generate_recommendations_for_user 99
train --dataset sample --plot saved_models | train --dataset sample --k_core 9999
train --dataset sample --min_rating 6 | train --dataset sample --top_k 9000 | evaluate LONG
evaluate --split leave-last --test_fraction 0.2 | evaluate --dataset 100k
evaluate --dataset sample --archive none.zip | report -o saved_models | report -o file.txt/page.html
report -o LONGLONG | doctor --dataset none | doctor --archive file.txt | doctor --split sideways
doctor --dataset sample --imdb_titles NOPE | doctor --strict=no | doctor sample | recommend 1
recommend --user 99999 | recommend --user 999999999999999999
recommend --user 9999999999999999999999999999999999999999 | recommend --user 1 --users 2
recommend --liked 'no such film at all' | recommend --liked '' | recommend --liked LONG
recommend --liked id:105 --disliked id:105 | recommend --liked id:999999999999999999999999999999
recommend --watched id:105 --watched id:105 | recommend --user 1 --top 1000001
recommend --ratings_file saved_models | recommend --ratings_file file.txt | recommend --users saved_models
recommend --user 1 --as_of 31.12.2001 | recommend --user 1 --as_of 0001-01-01 | recommend --users 1 --why
recommend --user 1 --diversity 1.1 | recommend --user 1 --diversity nan | recommend --user 1 --genre Warr
recommend --user 1 --min_popularity -1 | recommend --user 1 --csv saved_models
recommend --user 1 --csv file.txt/x.csv | recommend --user 1 --csv LONG.csv
recommend --user 1 --model sample-none- --all_models | recommend --user 1 --saved_models_dir file.txt
recommend --user 1 --dataset 1m | similar 'no such film at all' | similar id: | similar id:x | similar LONG
similar 'Film 105' --genre War --not_genre War | predict --movie id:105 | predict --pairs none.csv
predict --pairs file.txt | predict --pairs file.txt --user 1
predict --user 1 --movie id:105 --model sample-none- | predict --pairs saved_models | explore x
explore --model x | explore -o saved_models | explore -o file.txt/x | export --format pickle
export --format npz --index scann | export -o file.txt/x | export --format npz -o saved_models
export --format npz -o file.txt | models show | models show '' | models show sample-
models show ../careless | models remove | models remove x | models remove sample-none- | models remove ..
models remove '' | models remove / | models remove DEEP | models list --saved_models_dir file.txt
models list --saved_models_dir DEEP | data info '' | data fetch | data import | data import ''
data import none.zip | data import file.txt | data import saved_models | data import file.txt --dataset 2m
data import DEEP | data fetch 100k --url x | data lengths --dataset 2m
data lengths --dataset sample --movie_lengths file.txt | data lengths --archive none
data lengths --dataset sample --csv saved_models | data lengths sample
"""


@pytest.mark.parametrize("line", re.split(r" \| |\n+", LINES.strip()))
def test_a_careless_line_is_refused(line: str, careless: Fits) -> None:
    check_refused([word.replace("LONG", LONG).replace("DEEP", DEEP) for word in shlex.split(line)])
    assert careless.n_trained == 0


@pytest.mark.parametrize("path", sorted(WORKING.keys() - {"models remove", "data fetch"}))
def test_without_a_mistake_the_command_works(
    path: str, careless: Fits, tmp_path: Path, folder: Path, archive_1m: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    result = run(*path.split(), *WORKING[path])
    assert result.exit_code == 0, result.output
