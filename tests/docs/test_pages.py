"""Pages and README show outputs, figures and names that are true."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from movierec_cli.config import Family, SplitConfig
from movierec_cli.config.command_options import options_of_command
from movierec_cli.experiment.comparison import compare_runs
from movierec_cli.experiment.request import TrainRequest
from movierec_cli.experiment.selection import on_own_test
from movierec_cli.experiment.trainer import RunTrainer
from movierec_cli.recommend.export_layouts import LAYOUTS
from tests.docs.pages import DOCS, OUTPUT, PAGES, ROOT, commands_of, name_of

README = (ROOT / "README.md").read_text("utf-8")
OUTPUTS = [
    (name_of(page), match["command"], match["text"])
    for page in PAGES
    for match in OUTPUT.finditer(page.read_text("utf-8"))
]


@pytest.mark.parametrize(("page", "command", "text"), OUTPUTS)
def test_an_output_stands_under_its_command_and_names_no_place(page: str, command: str, text: str) -> None:
    assert command in commands_of(ROOT / page)
    assert text.strip() and str(Path.home()) not in text and "/tmp" not in text


STORIES = [(page, command, text) for page, command, text in OUTPUTS if page.startswith("docs/stories/")]


@pytest.fixture(scope="module")
def popularity_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], float]:
    """NDCG@10 of popularity beside what a command trains; without TensorFlow, and fitted once a split."""
    folder, known = tmp_path_factory.mktemp("popularity"), dict[SplitConfig, float]()

    def ndcg(command: str) -> float:
        config = TrainRequest.of(options_of_command(command)).config
        if config.split not in known:
            config = replace(config, feature_sets=(), tasks=(), rating_baselines=())
            config = replace(config, saved_models_dir=folder, baselines=(Family.POPULARITY,))
            trainer = RunTrainer(config)
            (model,) = compare_runs(trainer.data, on_own_test(tuple(trainer.run()))[0]).models
            known[config.split] = model.metrics["ndcg@10"].mean
        return known[config.split]

    return ndcg


@pytest.mark.parametrize(("page", "command", "text"), STORIES)
def test_the_output_of_a_story_is_of_this_version(
    page: str, command: str, text: str, popularity_of: Callable[[str], float]
) -> None:
    """Its baseline is that of the sample, split and metrics of today."""
    shown = re.search(r"^ popularity +([\d.]+) ", text, re.MULTILINE)
    assert shown is not None
    assert popularity_of(command) == pytest.approx(float(shown[1]), abs=6e-5)


def test_every_guarantee_names_tests_that_exist() -> None:
    rows = re.findall(r"^\|(.*)\|$", (DOCS / "guarantees.md").read_text("utf-8"), re.MULTILINE)
    promises = [row for row in rows if not re.fullmatch(r"[-| ]+| promise \| shown by ", row)]
    assert len(promises) > 25
    text = "".join(file.read_text("utf-8") for file in (ROOT / "tests").rglob("test_*.py"))
    defined = set(re.findall(r"^def (test_\w+)\(", text, re.MULTILINE))
    for row in promises:
        named = re.findall(r"`(test_\w+)`", row)
        assert named and set(named) <= defined, f"{row}: {set(named) - defined}"


def test_the_figures_of_the_readme_are_those_of_the_pages() -> None:
    """Those of accuracy and speed in its reasons, to the digit."""
    reasons = README.partition("## Why this, and not the others")[2].partition("## One click")[0]
    figures = set(re.findall(r"(?<![\w.])[+−]?\d*\.\d+(?: s)?|\d+ MiB|\d+ MB", reasons))
    pages = "".join((DOCS / name).read_text("utf-8") for name in ("results.md", "install.md"))
    assert len(figures) > 20 and [one for one in figures if one not in pages] == []


def test_the_figures_to_beat_stand_beside_ours() -> None:
    results = (DOCS / "results.md").read_text("utf-8")
    sequences = results.partition("## The next movie")[2].partition("\n## ")[0]
    for text in (README, sequences):
        assert ".3642 / .2164" in text and ".3264 / .1930" in text


LINKS = [
    (name_of(page), link)
    for page in PAGES
    for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
    if "://" not in link
]


@pytest.mark.parametrize(("page", "link"), LINKS)
def test_every_link_leads_to_a_file(page: str, link: str) -> None:
    assert ((ROOT / page).parent / link).is_file()


def test_the_readme_answers_six_first_questions_in_one_click() -> None:
    first, _, rest = README.partition("## For developers")
    assert rest and first.count("```sh") == 1 and "docs/images/demo.svg" in first
    above = first.partition("docs/images/demo.svg")[0]  # what stands on the first screen
    wanted = ("start", "compared", "your-data", "guarantees", "results")
    assert all(f"](docs/{page}.md)" in above for page in wanted) and "](docs/install.md)" in first


def test_the_picture_is_small_and_needs_nothing_from_elsewhere() -> None:
    picture = (DOCS / "images" / "demo.svg").read_text("utf-8")
    assert len(picture) < 60_000 and picture.startswith("<svg")
    outside = set(re.findall(r"https?://[^\"' )]+", picture)) - {"http://www.w3.org/2000/svg"}
    assert not {one for one in outside if not one.startswith("https://www.textualize.io")}


def test_every_site_of_the_table_of_exports_is_on_the_page_of_own_ratings() -> None:
    page = (DOCS / "your-ratings.md").read_text("utf-8")
    sites = {layout.source.partition("'")[0] for layout in LAYOUTS if layout.source.endswith("export")}
    assert sites and all(f"| {site} |" in page for site in sites)
