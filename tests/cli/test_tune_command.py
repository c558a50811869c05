"""`movierec tune` as people type it."""

import builtins
import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.all_tests import needs
from tests.cli.running import check_row, rows, run, words
from tests.experiment.quick_trials import Fits, install

TUNE = "tune --dataset 100k --trials 3 --seeds 2 --finalists 1"

REFUSED = """
2 | tune --space lr=1..0 | there is no option 'lr' | learning_rate
2 | tune --space foo=1 | there is no option 'foo'
2 | tune --space dropuot=0..1 | there is no option 'dropuot'; did you mean dropout?
2 | tune --space learning_rate=1..0.1 | goes from 1 to 0.1 | the first number must be the lower one
2 | tune --space learning_rate=0..1 | --space has learning_rate 0; it must be above 0
2 | tune --space l2=0..1:log | begins at 0; with log it must begin above 0
2 | tune --space l2=1..5:linear | the scale is 'linear'; it is log, or left out
2 | tune --space dropout=0.3 | has one value, so there is nothing to search; give it as --dropout 0.3
2 | tune --space dropout= | is neither a range nor choices
2 | tune --space dropout=a..b | --dropout is 'a'; it takes a number
2 | tune --space dropout=0..1 | --space has dropout 1; it must be 0 or more and below 1
2 | tune --space dropout=nan..1 | --space has dropout nan
2 | tune --space num_epochs=1..2.5 | --num_epochs is '2.5'; it takes a whole number
2 | tune --space item_bias=yes,no | it takes true,false
2 | tune --space loss=1..2 | takes no numbers of a range
2 | tune --space optimizer=adam,sgd | --optimizer is 'sgd'; it takes adam, adamw, adagrad
2 | tune --space dropout=0..0.5 dropout=0..0.2 | names dropout twice
2 | tune --space dropout=0..0.5 0.7 | has '0.7' after dropout
2 | tune --space seed=1,2 | cannot search seed
2 | tune --space split=random,temporal | it is the same for all trials; give it as --split
2 | tune --space additional_feature_sets=week,timestamp | --select_features
2 | tune --space item_bias | write item_bias=LOW..HIGH or item_bias=A,B
2 | tune --space max_length=10,20 | max_length has no meaning for two towers
2 | tune --families sasrec --space embedding_size=31,32 | --embedding_size 31 cannot be divided
2 | tune --space | --space needs one value or more
2 | tune --trials 0 | --trials is 0; it must be 1 to 1,000
2 | tune --trials many | --trials is 'many'; it takes a whole number
2 | tune --timeout 90 | --timeout is 90; it must be a time such as 1h, 90m
2 | tune --timeout 0s | it must be a time such as
2 | tune --finalists 0 | --finalists is 0
2 | tune --seeds 0 | --seeds is 0
2 | tune --families ease | --families is 'ease' | baselines
2 | tune --families two-tower sasrec | compared on one split, and their own differ
2 | tune --max_length 5 | --max_length has no meaning for two towers
2 | tune --metric auc | --metric is 'auc'
2 | tune --metric map@10 | --metric map@10 is not measured on validation | ndcg@10, recall@1
2 | tune --select_features both | it takes forward, backward
2 | tune --select_features forward --space dropout | search one after the other
2 | tune --feature_sets None --feature_sets week | No such option
2 | tune --additional_feature_sets None --additional_feature_sets week | names 2 sets
2 | tune --learning_rate 1 --dropout 0 --embedding_size 8 --layer_sizes 8 --l2 1 | nothing is left to search
2 | tune --folds 3 | No such option: --folds
1 | tune --config absent.toml --trials 0 | absent.toml
1 | tune --output . | the page cannot be written to . | it is a folder
1 | tune --write_config . | the winner's options cannot be written to . | it is a folder
"""


@pytest.fixture
def fits(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Fits:
    return install(monkeypatch)


@pytest.mark.usefixtures("fits")
@pytest.mark.parametrize("row", rows(REFUSED))
def test_what_is_wrong_is_said_before_anything_is_done(row: str) -> None:
    check_row(row)


def test_a_search_prints_its_answer_the_winners_command_and_writes_the_page(fits: Fits) -> None:
    needs("optuna")
    result = run(f"{TUNE} --write_config winner.toml", width=200)
    assert result.exit_code == 0, result.output
    said = words(result.stdout)
    assert "settings" in said and "on validation (mean of 2 seeds)" in said and "On test they reach" in said
    assert "3 trials" in said and "the figure on test is the answer" in said
    command = said.partition("Train it: ")[2].partition(" Page: ")[0]
    page = Path("tuning.html").read_text("utf-8")
    assert "history-two-tower" in page and "across-two-tower" in page
    assert "trial 2" in result.stderr
    trained = run(f"{command.removeprefix('movierec ')} --baselines None --quiet --json")
    assert trained.exit_code == 0, trained.output
    by_file = run("train --config winner.toml --baselines None --quiet --json")
    names = [[one["record"]["name"] for one in json.loads(r.stdout)["runs"]] for r in (trained, by_file)]
    document = json.loads(run(f"{TUNE} --quiet --json").stdout)
    assert names[0] == names[1] == document["runs"][:2]


def test_a_file_of_options_is_begun_with(fits: Fits) -> None:
    needs("optuna")
    Path("a.toml").write_text('dataset = "100k"\nlearning_rate = 0.002\nnum_epochs = 20\n', "utf-8")
    result = run("tune --config a.toml --trials 2 --seeds 1 --num_epochs 10 --space learning_rate --json -q")
    assert result.exit_code == 0, result.output
    first = json.loads(result.stdout)["searches"][0]["trials"][0]
    assert first["values"]["learning_rate"] == 0.002
    assert {one.training.num_epochs for one in fits.fitted if one.training} == {10}
    Path("a.toml").write_text("seeds = 3\n", "utf-8")
    assert "--seeds is not for tune" in run("tune --config a.toml").stderr


def test_without_optuna_the_package_is_named_before_data_are_read(
    fits: Fits, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **more: Any) -> Any:
        if name.partition(".")[0] == "optuna":
            raise ImportError(name)
        return real(name, *args, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    check_row(f"1 | {TUNE} | tune needs the package optuna: pip install 'movierec[tune]'")
    assert not Path("saved_models").exists()


def test_an_interrupted_search_says_how_it_goes_on(fits: Fits) -> None:
    needs("optuna")
    fits.kill_at = 12
    result = run(*shlex.split(f"{TUNE} --num_epochs 50"))
    assert result.exit_code == 130 and "the same command resumes" in result.stderr
    again = run(f"{TUNE} --num_epochs 50")
    assert again.exit_code == 0 and "going on after 1 trial" in again.stderr
