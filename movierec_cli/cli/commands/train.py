"""`movierec train`: the main job."""

from __future__ import annotations

# `setting` is `dataclasses.field`, which ruff cannot see.
# ruff: noqa: RUF009
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from movierec_cli.cli.console import ResultTerminal
from movierec_cli.cli.parsing import train_options as options
from movierec_cli.cli.parsing.option_groups import setting_option, with_option_groups
from movierec_cli.cli.parsing.options import DEFAULT_TOP_K_SHOWN, MetricOption, SavedModelsDir, TopKOption
from movierec_cli.cli.parsing.task_options import TaskRequest
from movierec_cli.cli.parsing.values import parse_families, parse_feature_sets, parse_metric_name, parse_top_k
from movierec_cli.cli.parsing.variadic import command_line
from movierec_cli.config import DataConfig, RankBy, TrainerConfig
from movierec_cli.config.setting import setting

if TYPE_CHECKING:
    from movierec_cli.config.presets import Preset
    from movierec_cli.experiment.main_job import Trained
    from movierec_cli.experiment.study import UserLists


DEFAULT_PAGE = Path("movierec.html")
_OUTPUT = "Output"


_output = partial(setting, panel=_OUTPUT)


@dataclass(frozen=True)
class _ListOptions:
    """What is shown beside the comparison; see `with_option_groups`."""

    user_id: str | None = _output(
        None,
        "Show the ratings of this user, and ten movies that each model recommends.",
        "ID",
        option="generate_recommendations_for_user",
    )
    include_seen: bool = _output(False, "Recommend movies that the user rated, too.")
    rank_by: RankBy = _output(
        RankBy.SCORE,
        "The order of the recommendations: score, rating (predicted stars) or blend (both).",
        "KIND",
    )
    details: bool = _output(
        False, "Also print the split, top-k accuracy, costs, what is recommended, and each finding."
    )
    open_page: bool = _output(False, "Open the page in the browser.", option="open")


@with_option_groups
def train_command(
    ctx: typer.Context,
    *,
    additional_feature_sets: options.FeatureSets = None,
    data: DataConfig,
    family: options.FamilyName = None,
    preset: options.PresetName = None,
    given: options.GivenSettings,
    seeds: Annotated[int, setting_option(TrainerConfig, "n_seeds")] = TrainerConfig.n_seeds,
    retrain: Annotated[bool, setting_option(TrainerConfig, "retrain")] = TrainerConfig.retrain,
    deploy: Annotated[bool, setting_option(TrainerConfig, "deploy")] = TrainerConfig.deploy,
    tasks: TaskRequest,
    baselines: options.Baselines = None,
    top_k: TopKOption = DEFAULT_TOP_K_SHOWN,
    metric: MetricOption = None,
    saved_models_dir: SavedModelsDir = TrainerConfig.saved_models_dir,
    lists: _ListOptions,
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", "--plot", metavar="FILE", help="Write the page there.", rich_help_panel=_OUTPUT
        ),
    ] = DEFAULT_PAGE,
    terminal: ResultTerminal,
) -> None:
    """Train or load a model for each feature set, and show which features help.

    Several values after one option belong together: `--layer_sizes 64 32`,
    `--additional_feature_sets timestamp movie_genres`; commas do as well.

    With `--family sasrec` or `gru4rec`, a model learns the next movie of a
    history: each user's last one is the test.

    With `--tasks retrieval rating`, each model also predicts ratings, in
    stars. `--rating_weight 0 0.3 1` gives a model for each weight, and a
    chart of what either task costs the other.

    With `--generate_recommendations_for_user 1`, each model also recommends
    ten movies to user 1.
    """
    from movierec_cli.cli.progress_display import ProgressDisplay
    from movierec_cli.experiment.main_job import ListRequest, train
    from movierec_cli.recommend.recommend import check_rank_by
    from movierec_cli.reports.web.pages import check_writable
    from movierec_cli.reports.web.report_page import write_report

    settings = options.filled_settings(given, options.parse_family(family), preset, tasks)
    config = TrainerConfig(
        feature_sets=parse_feature_sets(additional_feature_sets or [], terminal)
        or (settings.feature_sets if preset else None),
        data=options.data_of_preset(ctx, data, settings) if preset else data,
        split=settings.split,
        split_of_data=options.split_of_data(given, settings.family, preset),
        family=settings.family,
        model=settings.model,
        other_models=settings.other_models,
        training=settings.training,
        tasks=settings.tasks,
        rating_baselines=tasks.baselines(settings.tasks),
        baselines=settings.baselines if baselines is None else parse_families(baselines),
        n_seeds=seeds,
        saved_models_dir=saved_models_dir,
        retrain=retrain,
        deploy=deploy,
        command=command_line(ctx),
    )
    decides = parse_metric_name(metric)
    check_rank_by(lists.rank_by, config.tasks)
    users = () if lists.user_id is None else (lists.user_id,)
    wanted = ListRequest(users, lists.include_seen, lists.rank_by)
    check_writable(output)
    with ProgressDisplay(terminal) as observer:
        trained = train(config, observer, ks=parse_top_k(top_k), metric=decides, lists=wanted)
    page = write_report(trained.study, output)
    _show(trained, page, preset, terminal, with_details=lists.details)
    if lists.open_page:
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
