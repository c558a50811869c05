import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup, TyperOption
from typer.testing import CliRunner

from movierec_cli import __version__
from movierec_cli.cli import program
from movierec_cli.cli.app import app
from movierec_cli.cli.parsing.help_texts import EXAMPLES, FIRST
from movierec_cli.cli.parsing.variadic import what_it_takes
from movierec_cli.cli.program import make_app, make_overview, named_command
from movierec_cli.config import BASELINES, FEATURES, LossKind, SplitKind, Weighting
from movierec_cli.data.sources import SOURCES
from tests.cli.running import check_refused, check_row, commands, completions, rows, run, words

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("tensorflow", "tf_keras", "keras", "numpy", "polars", "plotly", "tensorflow_datasets", "pyarrow")


COMMANDS = dict(commands("movierec", typer.main.get_command(app)))


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_and_option_has_help(path: str) -> None:
    command = COMMANDS[path]
    assert command.help
    for param in command.params:
        assert param.help, f"{path} {param.name}"


@pytest.mark.parametrize("path", COMMANDS)
def test_help_names_every_option_in_full_in_80_columns(path: str) -> None:
    name = " ".join(path.split()[1:])
    result = run(*path.split()[1:], "--help_all" if name in FIRST else "--help")
    assert result.exit_code == 0
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert not re.search(r"(\.0|:)\s*\]", result.stdout)  # a default of 1000.0, or one that is not told
    for param in COMMANDS[path].params:
        is_shown = param.param_type_name == "option" and not param.hidden
        for name in param.opts if is_shown else ():
            assert name in result.stdout, f"{path} {name}"


@pytest.mark.parametrize("path", COMMANDS)
def test_help_ends_with_two_examples_that_are_understood(path: str) -> None:
    name = " ".join(path.split()[1:])
    text = run(*path.split()[1:], "--help").stdout
    shown = text.partition("Examples:\n")[2].splitlines()
    assert [line.strip() for line in shown if line] == [*EXAMPLES[name]]
    assert "<bool>" not in text and max(map(len, text.splitlines())) <= 80
    for line in EXAMPLES[name]:
        _, *typed = shlex.split(line)
        command = typer.main.get_command(app)
        while isinstance(command, TyperGroup):
            command = command.commands[typed.pop(0)]
        command.make_context(command.name, typed)  # which raises where an option or a value is wrong


@pytest.mark.parametrize("name", FIRST)
def test_the_help_of_a_large_command_shows_a_dozen_options_and_where_the_others_are(name: str) -> None:
    text, every = run(name, "--help").stdout, run(name, "--help_all").stdout
    shown, all_shown = (re.findall(r"^  --(\w+)", one, re.MULTILINE) for one in (text, every))
    assert sorted(shown) == sorted([*FIRST[name], "help", "help_all"]) and len(FIRST[name]) <= 13
    assert f"{len(all_shown) - len(shown)} more options, by topic: movierec {name} --help_all" in words(text)
    assert "more options" not in every


PLAIN = sorted(
    {
        (path, max(param.opts, key=len))
        for path, command in COMMANDS.items()
        for param in command.params
        if isinstance(param, TyperOption)
        and not param.is_flag
        and what_it_takes(param.type_descriptor.annotation)
    }
)


@pytest.mark.parametrize(("path", "option"), PLAIN)
@pytest.mark.usefixtures("own_folder")
def test_a_value_of_another_kind_is_refused_in_words_of_this_program(path: str, option: str) -> None:
    said = check_refused([*path.split()[1:], option, "x y"], [2])
    assert said.startswith(f"Error: {option} is 'x y'; it takes ")


@pytest.mark.parametrize(
    "row",
    rows("""
2 | models delete x | there is no command 'delete'. Did you mean 'remove'?
2 | models ls | Did you mean 'list'?
2 | trian | there is no command 'trian'. Did you mean 'train'?
2 | data nonsense | The commands are: info, describe, fetch
1 | models show 1m-hybird | there is no saved model '1m-hybird'
2 | train --additional_feature_sets timestmap | did you mean timestamp?
2 | recommend --likd Alien | --liked
"""),
)
@pytest.mark.usefixtures("own_folder")
def test_what_is_misspelled_is_offered(row: str) -> None:
    check_row(row)


@pytest.mark.parametrize("path", COMMANDS)
def test_options_of_several_words_are_documented_with_underscores(path: str) -> None:
    shell = {"--install-completion", "--show-completion"}
    names = {name for param in COMMANDS[path].params for name in param.opts if name.startswith("--")}
    assert not [name for name in names - shell if "-" in name[2:]]


def test_the_help_of_train_names_what_can_be_named() -> None:
    words = set(re.findall(r"[\w-]+", run("train", "--help_all").stdout.replace("-\n", "-")))
    assert set(map(str, [*FEATURES, *SOURCES, *LossKind, *SplitKind, *BASELINES, *Weighting])) <= words


@pytest.mark.parametrize("line", ["", "--help", "-h", "models", "data"])
def test_without_a_command_the_help_is_shown(line: str) -> None:
    result = run(*line.split())
    assert result.exit_code == 0
    group = "" if line.startswith("-") else line
    assert f"Usage: {f'movierec {group}'.strip()}" in result.stdout
    names = ("list", "show") if group == "models" else ("info", "fetch") if group else ("train", "models")
    assert all(name in result.stdout for name in names)


def python(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *args], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )


def test_the_package_runs_as_a_module() -> None:
    result = python("-m", "movierec_cli", "--version")
    assert (result.returncode, result.stdout) == (0, f"movierec {__version__}\n")
    assert run("--version").stdout == result.stdout


LIGHT = {
    "--help": HEAVY,
    "train --help": HEAVY,
    "--version": HEAVY,
    "evaluate --help": HEAVY,
    "report --saved_models_dir absent": ("tensorflow", "keras", "plotly", "tensorflow_datasets"),
    "models list --saved_models_dir absent": ("tensorflow", "keras", "polars", "plotly"),
    "data info": ("tensorflow", "keras", "plotly", "tensorflow_datasets"),
}


@pytest.mark.parametrize("line", LIGHT)
def test_light_commands_leave_heavy_packages_alone(line: str) -> None:
    script = (
        "import sys\nfrom movierec_cli.cli.program import main\n"
        f"sys.argv = ['movierec', *{line.split()!r}]\n"
        "try: main()\nfinally: print('LOADED', *sys.modules, file=sys.stderr)"
    )
    result = python("-c", script)
    loaded = set(result.stderr.partition("LOADED")[2].split())
    assert "movierec_cli.cli.program" in loaded
    assert not loaded & set(LIGHT[line])
    is_of_train = line.startswith(("--version", "train"))  # a command that is named is imported alone
    assert ("movierec_cli.cli.commands.train" in loaded) == is_of_train


COMPLETIONS = """
movierec train --additional-feature-sets movie_g | movie_genres
movierec train --additional_feature_sets timestamp movie_g | movie_genres
movierec train --additional_feature_sets timestamp,movie_g | timestamp,movie_genres
movierec --additional-feature-sets timestamp movie_l | movie_length
movierec --dataset 1 | 1m 100k 10m
movierec train --dataset 1m 12 |
movierec train --loss in | in-batch in-batch-corrected
movierec train --family s | sasrec
movierec train --preset tfrs-g | tfrs-gru
movierec train --tasks r | retrieval rating
movierec train --tasks retrieval,ra | retrieval,rating
movierec train --rating_baselines global-mean,b | global-mean,biased-mf
movierec evaluate --split t | temporal
movierec evaluate --baselines a | all
movierec evaluate --baselines N | None
movierec evaluate --baselines x |
movierec report --baselines recent | recent-popularity
movierec report --baselines ease,i | ease,item-knn ease,ials
movierec train --weighting r | ratings root
movierec data fetch 2 | 20m 25m
movierec --see | --seed --seeds
"""


@pytest.mark.parametrize("row", rows(COMPLETIONS))
def test_the_shell_completes(row: str) -> None:
    line, _, offered = row.partition(" |")
    assert sorted(completions(line)) == sorted(offered.split())


def test_the_shell_is_offered_all_where_nothing_is_typed() -> None:
    assert {"train", "evaluate", "report", "doctor", "models", "data"} <= set(completions("movierec "))
    features = completions("movierec train --additional_feature_sets ")
    assert {"None", "timestamp", "movie_genres", "user_age"} <= set(features)


@pytest.mark.parametrize(
    ("args", "environment", "expected"),
    [
        (["recommend", "--user", "1"], {}, "recommend"),
        (["models", "list"], {}, "models"),
        (["--dataset", "100k"], {}, None),
        (["--help"], {}, None),
        (["recomend"], {}, None),
        ([], {}, None),
        (["recommend"], {"_MOVIEREC_COMPLETE": "complete_bash"}, None),
    ],
)
def test_a_command_is_alone_in_its_process_where_it_is_named(
    args: list[str], environment: dict[str, str], expected: str | None
) -> None:
    assert named_command(args, environment) == expected


@pytest.mark.parametrize("line", [[], ["--help"], ["-h"]])
def test_the_help_of_the_program_is_that_of_all_its_commands(line: list[str]) -> None:
    every, overview = (
        CliRunner().invoke(one, line, prog_name="movierec", env={"COLUMNS": "100"})
        for one in (app, make_overview())
    )
    assert overview.stdout == every.stdout and overview.exit_code == every.exit_code == 0
    assert all(f" {name} " in overview.stdout for name in (*program.COMMANDS, *program.GROUPS))


@pytest.mark.parametrize("name", [*program.COMMANDS, *program.GROUPS])
def test_a_command_alone_has_the_help_it_has_among_all(name: str) -> None:
    texts = [
        CliRunner().invoke(one, [name, "--help"], prog_name="movierec", env={"COLUMNS": "100"}).stdout
        for one in (app, make_app(name))
    ]
    assert texts[0] == texts[1] and f"movierec {name}" in texts[0]
