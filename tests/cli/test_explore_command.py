"""`movierec explore` on saved models of a small data set."""

from pathlib import Path

import pytest
import typer

from movierec_cli.config import Family
from tests.cli.running import run
from tests.saved_runs import baseline_run, judged_run, run_config, sequence_config
from tests.small_dataset import small_dataset


@pytest.mark.usefixtures("own_folder")
def test_the_page_of_the_named_or_the_only_model_lies_in_explore_html_and_opens_on_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(typer, "launch", opened.append)
    towers = judged_run(Path("saved_models"), small_dataset(), run_config("timestamp")).record.name
    page, result = Path("explore.html").resolve(), run("explore")
    assert (result.exit_code, result.stdout) == (0, f"Page: {page}\n")
    assert f"Model: {towers} (the only one" in result.stderr
    assert towers in page.read_text() and opened == []
    sasrec = judged_run(Path("saved_models"), small_dataset(), sequence_config()).record.name
    assert run("explore", "--open", "--model", sasrec).exit_code == 0
    assert "SASRec" in page.read_text() and opened == [page.as_uri()]


@pytest.mark.usefixtures("own_folder")
def test_a_model_with_a_map_comes_before_one_without_which_says_why() -> None:
    ease = baseline_run(Path("saved_models"), small_dataset(), Family.EASE).record.name
    result = run("explore")
    assert result.exit_code == 0 and f"Model: {ease} (the only one" in result.stderr
    assert "There is no map: EASE adds up weights from movie to movie" in result.stderr
    towers = judged_run(Path("saved_models"), small_dataset(), run_config("timestamp")).record.name
    assert f"Model: {towers} (" in run("explore").stderr
    assert run("explore", "--model", ease).exit_code == 0
    assert "There is no map" in Path("explore.html").read_text()
