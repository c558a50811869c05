"""Options as keywords and in files: the same values, checks and sentences as on the command line."""

import enum
import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, get_args, get_origin

import polars
import pytest
import typer

import movierec_cli
from movierec_cli import (
    DataConfig,
    MovieLensTrainer,
    MovierecError,
    SequenceConfig,
    SplitConfig,
    TowerConfig,
    TrainerConfig,
    TrainingConfig,
    TrainingObserver,
    UsageError,
    load,
)
from movierec_cli.config import Family, FeatureSet, SplitKind, Task
from movierec_cli.config.command_options import command_of, options_of_command
from movierec_cli.config.config_file import read_config, write_config
from movierec_cli.config.option_values import type_of
from movierec_cli.config.train_options import (
    OPTIONS,
    Given,
    Option,
    documented_toml_of,
    read_options,
)
from movierec_cli.experiment import request
from movierec_cli.registry.store import list_runs
from tests.all_tests import ALL_TESTS
from tests.cli import fake_trainer
from tests.cli.running import run
from tests.saved_runs import judged_run, multi_task_config
from tests.small_dataset import small_dataset

pytestmark = pytest.mark.usefixtures("_fake_trainings")
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def _fake_trainings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    fake_trainer.install(monkeypatch)


def example(option: Option) -> Any:
    """A value that is not the default, as Python has it."""
    special = {
        "additional_feature_sets": (FeatureSet(), FeatureSet.parse(["timestamp", "movie_genres"])),
        "family": Family.SASREC,
        "baselines": (Family.EASE, Family.IALS),
        "rating_baselines": (),
        "tasks": (Task.RETRIEVAL, Task.RATING),
        "columns": ("user=a b", 'items.title="T"'),
        "metric": "recall@5",
        "top_k": (5, 20),
        "generate_recommendations_for_user": "ann\\ é 😀",
        "layer_sizes": (),
    }
    if option.name in special:
        return special[option.name]
    kind = type_of(option.hint)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return next(one for one in kind if one != option.default)
    item = get_args(kind)[0] if get_origin(kind) is tuple else kind
    value = {bool: option.default is not True, int: 7, float: 1e-05, str: "plays 'x'", Path: Path("a b/c.x")}[
        item
    ]
    return (value, value) if get_origin(kind) is tuple else value


def typed(line: str) -> Given:
    """What a command line gives."""
    found: list[Given] = []

    def caught(given: Given, **_: object) -> None:
        found.append(given)
        raise typer.Exit

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(request.TrainRequest, "of", caught)
        result = run(line.removeprefix("movierec "))
    assert result.exit_code == 0, result.output
    return found[0]


def test_every_option_is_the_same_typed_in_a_file_and_as_a_keyword(tmp_path: Path) -> None:
    given = {name: example(one) for name, one in OPTIONS.items()}
    assert all(value not in (None, OPTIONS[name].default) for name, value in given.items())
    assert read_options(given) == given
    write_config(given, tmp_path / "study.toml")
    assert read_config(tmp_path / "study.toml") == given
    assert typed(command_of(given)) == options_of_command(command_of(given)) == given
    assert typed(f"train --config {tmp_path / 'study.toml'}") == given


def test_what_cannot_stand_in_a_file_or_together_is_refused() -> None:
    result = run("train", "--archive", "a\udcff", "--write_config", "study.toml")
    assert result.exit_code == 2 and "cannot stand in a file of options" in result.stderr
    assert not Path("study.toml").exists()
    contradiction = run("train --deploy --no_deploy")
    assert contradiction.exit_code == 2 and "--deploy and --no_deploy contradict" in contradiction.stderr


def test_what_is_not_given_stands_in_a_file_as_a_comment(tmp_path: Path) -> None:
    lines = documented_toml_of({"seeds": 3}).splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == ["seeds = 3"]
    in_comments = "\n".join(line.removeprefix("# ") for line in lines)
    assert all(f"\n{name} = " in in_comments for name in OPTIONS)


def test_options_beside_a_file_win(tmp_path: Path) -> None:
    text = 'dataset = "sample"\nfeature_sets = ["None", ["timestamp", "week"]]\nseeds = 2\ndeploy = true\n'
    (tmp_path / "study.toml").write_text(text, encoding="utf-8")
    given = typed("train --config study.toml --seeds 3 --no_deploy --archive mine.csv")
    assert (given["seeds"], given["deploy"], given["archive"]) == (3, False, Path("mine.csv"))
    assert "dataset" not in given and len(given["additional_feature_sets"]) == 2
    config = MovieLensTrainer(config="study.toml", seeds=1, dataset="100k").config
    assert (config.n_seeds, config.deploy, config.data.dataset) == (1, True, "100k")
    assert [one.label for one in config.feature_sets or ()] == ["None", "timestamp + week"]


FILES = {
    "num_epoch = 3": "study.toml: No such option: --num_epoch (Possible options: --num_epochs)",
    "num_epochs = 'x'": "study.toml: --num_epochs is 'x'; it takes a whole number",
    "num_epochs = 2.5": "study.toml: --num_epochs is '2.5'; it takes a whole number",
    "num_epochs = true": "study.toml: --num_epochs is 'True'; it takes a whole number",
    "deploy = 1": "study.toml: --deploy is 1; it takes true or false",
    "seeds = 0": "--seeds is 0; it must be 1 to 1,000",
    "feature_sets = []\nadditional_feature_sets = []": "are the same option; give it once",
    "feature_sets = ['nix!']": "unknown feature 'nix!'; known features: None, timestamp",
    "include_seen = true": "--include_seen has no effect here: nothing is recommended",
    "[training]\nseeds = 2": "study.toml: No such option: --training",
    "seeds = ": "study.toml: is no TOML",
}


@pytest.mark.parametrize("text", FILES)
def test_what_is_wrong_in_a_file_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text(text, encoding="utf-8")
    result = run("train", "--config", "study.toml", width=300)
    assert result.exit_code in (1, 2) and FILES[text] in result.stderr
    with pytest.raises(MovierecError) as raised:
        MovieLensTrainer(config="study.toml")
    assert FILES[text] in str(raised.value)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"num_epoch": 3}, "--num_epoch 3"),
    ({"num_epochs": 0}, "--num_epochs 0"),
    ({"num_epochs": "x"}, "--num_epochs x"),
    ({"dropout": 1.5}, "--dropout 1.5"),
    ({"split": "nix"}, "--split nix"),
    ({"layer_sizes": ["a"]}, "--layer_sizes a"),
    ({"feature_sets": [["timestamp", "nix"]]}, "--additional_feature_sets timestamp nix"),
    ({"family": "ease"}, "--family ease"),
    ({"baselines": ["ease", "nix"]}, "--baselines ease nix"),
    ({"top_k": 0}, "--top_k 0"),
    ({"metric": "auc"}, "--metric auc"),
    ({"num_heads": 2}, "--num_heads 2"),
    ({"tasks": "rating", "retrieval_weight": [1, 2]}, "--tasks rating --retrieval_weight 1 2"),
    ({"test_fraction": 0.1, "folds": 5}, "--test_fraction .1 --folds 5"),
    ({"rank_by": "rating"}, "--rank_by rating"),
    ({"dataset": "nix"}, "--dataset nix"),
    ({"archive": "nix"}, "--archive nix"),
    ({"dataset": "sample", "columns": {"user": "a"}}, "--dataset sample --columns user=a"),
    ({"preset": "tfrs-gru", "family": "sasrec"}, "--preset tfrs-gru --family sasrec"),
]


@pytest.mark.parametrize(("keywords", "line"), WRONG, ids=lambda one: str(one))
def test_a_wrong_argument_gets_the_sentence_of_the_command_line(
    keywords: dict[str, Any], line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if keywords.keys() & {"dataset", "archive"}:
        monkeypatch.undo()  # which reads data in earnest
    with pytest.raises(MovierecError) as raised:
        MovieLensTrainer(**keywords).run()
    result = run(f"train {line}", width=1000)
    (said,) = [one for one in result.stderr.splitlines() if one.startswith("Error: ")]
    if "num_epoch" in keywords:  # the parser's own words, which have more of the nearest
        said = "Error: No such option: --num_epoch (Possible options: --num_epochs)"
    assert said == f"Error: {raised.value}" and result.exit_code == raised.value.exit_code


def test_configurations_are_taken_whole() -> None:
    model, training = TowerConfig(embedding_size=8), TrainingConfig(num_epochs=2)
    split = SplitConfig(kind=SplitKind.TEMPORAL)
    config = MovieLensTrainer(model, training, split, dataset="sample").config
    assert (config.model, config.training, config.split) == (model, training, split)
    assert config.split_of_data is None and config.data == DataConfig(dataset="sample")
    whole = TrainerConfig(data=DataConfig(dataset="sample"), n_seeds=2)
    assert MovieLensTrainer(whole, top_k=[5]).config == whole


@pytest.mark.parametrize(
    ("configs", "keywords", "said"),
    [
        ([TrainingConfig()], {"num_epochs": 3}, "--num_epochs is given beside a TrainingConfig"),
        ([TrainerConfig()], {"seeds": 3}, "--seeds is given beside a TrainerConfig"),
        ([SequenceConfig()], {"dropout": 0.1}, "--dropout is given beside a SequenceConfig"),
        ([SequenceConfig()], {}, "two towers is not built of a SequenceConfig"),
        ([3], {}, "a int is no configuration"),
        ([], {"items": polars.DataFrame()}, "items is a data frame beside no ratings"),
        ([], {"dataset": polars.DataFrame(), "archive": "x"}, "--archive has no effect here"),
        ([], {"num_epochs": [3]}, "--num_epochs is '[3]'; it takes a whole number"),
        ([], {"archive": 3}, "--archive is '3'; it takes a path"),
        ([], {"weights": ["a"]}, "--weights is 'a'; it takes one text"),
        ([], {"dataset": 3}, "frame.ratings: is a builtins.int that cannot be read as a data frame"),
    ],
)
def test_what_does_not_go_together_is_refused(configs: Any, keywords: Any, said: str) -> None:
    with pytest.raises(MovierecError) as raised:
        MovieLensTrainer(*configs, **keywords).run()
    assert said in str(raised.value)


N_USERS, N_ITEMS = 12, 30


def own_frames() -> tuple[polars.DataFrame, polars.DataFrame]:
    pairs = [(user, (user * 7 + turn * 4) % N_ITEMS) for user in range(N_USERS) for turn in range(10)]
    ratings = polars.DataFrame(
        {
            "customer": [f"u{user}" for user, _ in pairs],
            "sku": [item for _, item in pairs],
            "stars": [1 + (user + item) % 5 for user, item in pairs],
            "when": [1_600_000_000 + 60 * place for place in range(len(pairs))],
        }
    )
    items = polars.DataFrame({"sku": range(N_ITEMS), "title": [f"Thing {item}" for item in range(N_ITEMS)]})
    return ratings, items


@pytest.mark.parametrize("kind", ["polars", "pandas", "arrow"])
def test_a_frame_of_ones_own_is_a_data_set(kind: str, tmp_path: Path) -> None:
    for package in {"pandas": ("pandas", "pyarrow"), "arrow": ("pyarrow",)}.get(kind, ()):
        if not ALL_TESTS:
            pytest.importorskip(package)
    ratings, items = own_frames()
    made: Any = {
        "polars": lambda frame: frame,
        "pandas": lambda frame: frame.to_pandas(),
        "arrow": lambda frame: frame.to_arrow(),
    }[kind]
    result = MovieLensTrainer(
        dataset=made(ratings),
        items=made(items),
        name="shop",
        feature_sets=[None],
        columns={"user": "customer"},
    ).run()
    frame = result.runs[0].recommend(user="u3", top=5)
    assert len(frame) == 5 and frame["user"].to_list() == ["u3"] * 5
    seen = set(ratings.filter(polars.col("customer") == "u3")["sku"])
    assert not seen & set(frame["movie_id"]) and all(one.startswith("Thing ") for one in frame["title"])
    (record,) = {run.record.data.name for run in list_runs(tmp_path / "saved_models")[0]}
    assert record == "shop" and result.runs[0].record.command == ""
    assert result.runs[0].evaluate()["mean"].null_count() == 0  # which needs the frame again
    with pytest.raises(UsageError, match="cannot be written as options"):
        MovieLensTrainer(dataset=made(ratings)).write_config("x.toml")


def test_predicted_ratings_are_those_that_the_command_prints(tmp_path: Path) -> None:
    saved = judged_run(tmp_path / "saved_models", small_dataset("1m"), multi_task_config("movie_genres"))
    one = load(saved.record.name)
    printed = json.loads(run("predict --user 2 --movie id:101 --movie id:130 --json").stdout)["predictions"]
    frame = one.predict(2, [101, "id:130"])
    assert frame.rename({"user": "user_id"}).to_dicts() == printed
    (tmp_path / "pairs.csv").write_text("user,movie\n2,101\n2,130\n", encoding="utf-8")
    assert one.predict(pairs="pairs.csv").equals(frame)
    listed = one.recommend(user=2, rank_by="rating", top=3)
    assert (
        listed["stars"].to_list() == sorted(listed["stars"], reverse=True)
        and listed["stars"].null_count() == 0
    )
    with pytest.raises(UsageError, match="give a user and a movie"):
        one.predict(2)


class Heard(TrainingObserver):
    def __init__(self) -> None:
        self.said: list[str] = []

    def noted(self, message: str) -> None:
        self.said.append(message)


def test_who_observes_is_told_and_else_the_log(caplog: pytest.LogCaptureFixture) -> None:
    heard = Heard()
    result = MovieLensTrainer(dataset="sample", feature_sets=[None, "None"], observer=heard).run()
    assert [one.label for one in result.runs] == ["None", "popularity", "EASE"]
    assert "The feature set 'None' is named twice; it counts once." in heard.said and not caplog.messages
    MovieLensTrainer(dataset="sample", feature_sets=[None]).run()
    assert caplog.messages == [fake_trainer.WARNING]


def test_a_page_is_written_where_it_is_asked_for(tmp_path: Path) -> None:
    MovieLensTrainer(dataset="sample", feature_sets=[None]).run()
    assert not list(tmp_path.glob("*.html"))
    MovieLensTrainer(dataset="sample", feature_sets=[None], output="page.html").run()
    assert "Which features help?" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_the_package_is_imported_without_anything_else() -> None:
    script = (
        "import sys, os, typing, importlib; before = set(sys.modules); import movierec_cli;"
        " new = set(sys.modules) - before; assert new == {'movierec_cli'}, new;"
        " assert set(movierec_cli.__all__) <= set(dir(movierec_cli));"
        " [getattr(movierec_cli, one) for one in movierec_cli.__all__];"
        " assert 'tensorflow' not in sys.modules and 'jax' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)
    with pytest.raises(AttributeError, match="has no attribute 'nix'"):
        _ = movierec_cli.nix


def test_the_type_checker_looks_at_how_it_is_used() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mypy"]
    assert settings["strict"] and "tests/api/usage.py" in settings["files"]
    assert (ROOT / "tests" / "api" / "usage.py").exists() and (ROOT / "movierec_cli" / "py.typed").exists()
