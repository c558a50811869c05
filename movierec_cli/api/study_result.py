"""A study, to be looked at from Python and in notebooks."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import field
from pathlib import Path
from typing import Unpack

import polars as pl

from movierec_cli.api.comparing import compared, gains_of, metrics_of
from movierec_cli.api.keywords import CompareKeywords
from movierec_cli.api.saved_run import SavedRun
from movierec_cli.experiment.study import Study
from movierec_cli.recommend.run_choice import FOR_USERS, best_run
from movierec_cli.records import dataclass
from movierec_cli.registry.store import find_named
from movierec_cli.reports.study_tables import ratings, user_metrics
from movierec_cli.reports.web.markup import html_table, joined, tag, tags


@dataclass(frozen=True)
class PageView:
    """The web page of a study, in a notebook: its charts and every table, without a network."""

    study: Study = field(repr=False)
    height: int = 900  # pixels

    def _repr_html_(self) -> str:
        from movierec_cli.reports.web.report_page import report_page

        page = html.escape(report_page(self.study))
        return f'<iframe srcdoc="{page}" width="100%" height="{self.height}" style="border: 0"></iframe>'


@dataclass(frozen=True)
class StudyResult:
    """Models compared on one data set and split. In a notebook it shows the verdict and the table.

    Attributes:
        study: every figure, and the answer in sentences.
        runs: the saved models, trained ones first, as they were requested.
        deployed: where `deploy` was asked for, the best one trained on with all ratings.
        with_details: whether `str` shows every table.
    """

    study: Study = field(repr=False)
    runs: tuple[SavedRun, ...]
    deployed: SavedRun | None = None
    with_details: bool = False

    @property
    def best(self) -> SavedRun:
        """The model to recommend with: what `movierec recommend` would take of these.

        That is the one with the highest NDCG@10 on validation, unless a leak makes it so; the test set
        chooses nothing. Where one was deployed, that.
        """
        if self.deployed is not None:
            return self.deployed
        ranking = [one for one in self.runs if FOR_USERS.is_served_by(one.record)]
        chosen = best_run([one.run for one in ranking], FOR_USERS).run
        return next(one for one in ranking if one.name == chosen.record.name)

    @property
    def answer(self) -> tuple[str, ...]:
        """Which features help, in sentences, the most important first."""
        return self.study.answer

    def metrics(self) -> pl.DataFrame:
        """Every model with every metric: columns model, metric, mean, low, high (95 % interval) and runs.

        >>> result.metrics()["model"].unique(maintain_order=True).to_list()
        ['None', 'movie_genres', 'popularity']

        Metrics of rankings are means over users, of movies that they have not in training; `rmse` and `mae`,
        of models that predict ratings, are on the scale of the ratings.
        """
        return metrics_of(self.study)

    def gains(self) -> pl.DataFrame:
        """What each feature adds to the metric that decides.

        Columns feature, gain, low, high, p and is_significant.
        A gain is the mean over the pairs of sets that differ in the feature alone, with its 95 % interval;
        p is corrected (Holm) over all pairs of models and all features.

        >>> result.gains()["feature"].to_list()
        ['movie_genres']
        """
        return gains_of(self.study)

    def charts(self, height: int = 900) -> PageView:
        """The page with charts and all tables, for a notebook to show, so many pixels high."""
        return PageView(self.study, height)

    def write_page(self, file: str | Path) -> Path:
        """Writes the web page of the study; gives its absolute path.

        Raises:
            MovierecError: it cannot be written.
        """
        from movierec_cli.reports.web.report_page import write_report

        return write_report(self.study, Path(file))

    def __str__(self) -> str:
        from rich.console import Console

        from movierec_cli.reports.terminal.study_text import study_text

        console = Console(width=110, markup=False)
        with console.capture() as captured:
            console.print(study_text(self.study, console, with_details=self.with_details))
        return captured.get()

    def _repr_html_(self) -> str:
        """For notebooks."""
        first, others = self.answer[:1], self.answer[1:]
        tables = [user_metrics(self.study)]
        if self.study.ratings is not None:
            tables.append(ratings(self.study))
        shown = (joined((tag("h4", one.title), html_table(one))) for one in tables)
        sentences = (tag("p", tag("strong", *first)), tags("p", others), tags("p", self.study.warnings))
        return joined((*sentences, *shown))


def compare(runs: Sequence[SavedRun], **options: Unpack[CompareKeywords]) -> StudyResult:
    """Compares saved models on the same test ratings, as `movierec evaluate` does; nothing is trained.

    Args:
        runs: of one data set, saved in one folder.
        options: of the command: the split to evaluate on, `metric`, `top_k`, and `baselines` beside them,
            here none unless some are named; `archive` where the data are a file of your own.

    Raises:
        MovierecError: as the command: the runs are of several data sets, or one of them was trained on
            what the split would test it on.
    """
    source = next((one.source for one in runs if one.source is not None), None)
    study = compared([one.run for one in runs], source, options)
    models = (*study.models, *(study.ratings.models if study.ratings is not None else ()))
    names = dict.fromkeys(record.name for model in models for record in model.records)
    own, folder = {one.name: one for one in runs}, runs[0].folder.parent
    return StudyResult(
        study, tuple(own.get(one) or SavedRun(find_named(folder, one), source) for one in names)
    )
