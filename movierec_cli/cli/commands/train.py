"""`movierec train`: the main job."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from movierec_cli.cli.console import ResultTerminal
from movierec_cli.cli.parsing.help_page import HelpAll
from movierec_cli.cli.parsing.option_groups import GivenOf, optional, with_option_groups
from movierec_cli.cli.parsing.variadic import command_line
from movierec_cli.config.command_options import command_of
from movierec_cli.config.shown_defaults import default_shown
from movierec_cli.config.train_options import OPTIONS, Given, beside
from movierec_cli.text import counted

if TYPE_CHECKING:
    from movierec_cli.config.presets import Preset
    from movierec_cli.experiment.main_job import Trained
    from movierec_cli.experiment.request import TrainRequest
    from movierec_cli.experiment.study import UserLists


@with_option_groups
def train_command(
    ctx: typer.Context,
    *,
    given: Annotated[Given, GivenOf(OPTIONS, default_shown)],
    config: Annotated[
        Path | None,
        optional("--config", "FILE", "Options from a TOML file; those given beside it replace its own."),
    ] = None,
    write_config: Annotated[
        Path | None,
        optional("--write_config", "FILE", "Write the options as a file for --config, and train nothing."),
    ] = None,
    help_all: HelpAll = False,
    terminal: ResultTerminal,
) -> None:
    """Train or load a model for each feature set, and show which features help.

    Several values after one option belong together: `--layer_sizes 64 32`,
    `--additional_feature_sets timestamp movie_genres`; commas do as well.

    With `--family sasrec`, `gru4rec` or `hstu`, a model learns the next movie of
    a history: each user's last one is the test.

    With `--tasks retrieval rating`, each model also predicts ratings, in
    stars. `--rating_weight 0 0.3 1` gives a model for each weight, and a
    chart of what either task costs the other.

    With `--generate_recommendations_for_user 1`, each model also recommends
    ten movies to user 1.
    """
    from movierec_cli.config.config_file import read_config
    from movierec_cli.config.config_file import write_config as write
    from movierec_cli.experiment.request import TrainRequest

    if config is not None:
        given = beside(read_config(config), given)
    command = command_line(ctx) if config is None else command_of(given)  # which needs no file
    request = TrainRequest.of(given, command=command)
    if write_config is not None:
        write(given, write_config)
        terminal.written(write_config, counted(len(given), "option"))
        return
    train_and_show(request, terminal)


def train_and_show(request: TrainRequest, terminal: ResultTerminal) -> None:
    """Trains what is asked for, writes the page and prints.

    Raises:
        MovierecError: see `TrainRequest.train`.
    """
    from movierec_cli.cli.progress_display import ProgressDisplay
    from movierec_cli.reports.web.pages import check_writable
    from movierec_cli.reports.web.report_page import write_report

    shown = request.shown
    check_writable(shown.output)
    with ProgressDisplay(terminal) as observer:
        trained = request.train(observer)
    page = write_report(trained.study, shown.output)
    _show(trained, page, request.preset, terminal, with_details=shown.details)
    if shown.open_page:
        typer.launch(page.as_uri())


def _show(
    trained: Trained, page: Path, preset: Preset | None, terminal: ResultTerminal, *, with_details: bool
) -> None:
    from movierec_cli.experiment.published import beside_published, published_text

    if terminal.as_json:
        published = beside_published(preset, trained.study) if preset else []
        terminal.document(
            {**_document(trained, page), **({"published": list(map(vars, published))} if preset else {})}
        )
        return
    from movierec_cli.reports.terminal.recommendation_lists import user_report
    from movierec_cli.reports.terminal.study_text import study_text

    terminal.out.print(study_text(trained.study, terminal.out, with_details=with_details))
    for sentence in published_text(preset, trained.study) if preset else ():
        terminal.line(sentence)
    for lists in trained.study.user_lists:
        report = user_report(lists.user_id, lists.rated, lists.recommended, trained.study.data, terminal.out)
        terminal.out.print(report)
    if (deployed := trained.deployed) is not None and deployed.record.judged is not None:
        terminal.line(f"For use: {deployed.record.name} ({deployed.record.judged.sentence})")
    terminal.line(f"Page: {page}")


def _document(trained: Trained, page: Path) -> dict[str, object]:
    from movierec_cli.reports.study_document import study_document
    from movierec_cli.storage.serialization import encode

    runs = [{"folder": str(run.folder), "record": encode(run.record)} for run in trained.runs]
    users = [_lists_document(lists) for lists in trained.study.user_lists]
    return {
        "runs": runs,
        "study": study_document(trained.study),
        "recommendations": users[0] if users else None,
        "deployed": trained.deployed.record.name if trained.deployed else None,
        "page": str(page),
    }


def _lists_document(lists: UserLists) -> dict[str, Any]:
    from dataclasses import asdict

    from movierec_cli.storage.serialization import encode

    return {
        "user_id": lists.user_id,
        "rated": [asdict(movie) for movie in lists.rated],
        "models": [
            {
                "run": recommended.run_name,
                "feature_set": encode(recommended.config.feature_set),
                "tasks": encode(recommended.config.tasks),
                "rank_by": recommended.rank_by,
                "movies": [asdict(movie) for movie in recommended.movies],
            }
            for recommended in lists.recommended
        ],
    }
