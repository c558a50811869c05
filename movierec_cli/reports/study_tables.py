"""The tables of a study."""

from collections.abc import Callable, Iterable, Sequence

from movierec_cli.config import QUERY_TIME, Family, SplitKind
from movierec_cli.evaluation.significance import PairedDifference, Tested
from movierec_cli.experiment.study import (
    Compared,
    ComparedModel,
    ComparedRatingModel,
    RatingStudy,
    Segment,
    Study,
)
from movierec_cli.registry.record import DataIdentity, EpochRecord, RunRecord
from movierec_cli.reports.tables import NONE, Cell, Column, Kind, ModelMark, Row, Table
from movierec_cli.text import counted

TIME_MARK = "†"
TRAINED, OTHERS, BASELINES = "Trained models", "Others, not trained here", "Baselines: models to be beaten"
FRONT_MARK = "●"
RATING_KS = (10, 100)
"""At which top-k accuracy among unseen movies stands beside the errors of predicted ratings."""


def model_of(record: RunRecord) -> ComparedModel:
    """A run by itself, as a model that is compared with nothing."""
    return ComparedModel(
        label=record.config.label,
        family=record.config.family,
        feature_set=record.config.feature_set,
        records=(record,),
        top_k=record.test,
        metrics={},
        beyond={},
    )


def counts(data: DataIdentity) -> str:
    """How large a data set is, such as "1,000,209 ratings of 3,883 movies by 6,040 users"."""
    rated, rating = counted(data.n_movies, data.noun), counted(data.n_ratings, data.interactions)
    return f"{rating} of {rated} by {counted(data.n_users, 'user')}"


def metric_names(study: Study) -> list[str]:
    """Every metric of any model: the headline first, then in the order given."""
    names = dict.fromkeys(name for model in study.models for name in model.metrics)
    return sorted(names, key=lambda name: name != study.headline)


def common_ks(models: Sequence[ComparedModel]) -> list[int]:
    """Every k that all the models of this program have, in order; of others a file may tell less."""
    own = [one for one in models if one.is_own] or models
    return sorted(set.intersection(*(set(one.top_k.unseen) & set(one.top_k.all) for one in own)))


def user_metrics(study: Study) -> Table:
    """The metrics of one list a user, each with its interval."""
    names = metric_names(study)
    noun = study.data.noun
    title = f"Per user, {noun}s seen in training masked"
    if study.split.is_successive:
        row = study.data.interactions
        title = (
            f"Mean over test {row}s, successive targets: each is asked for after all that its user rated"
            " before it, which is masked; recall is the hit rate (HR), intervals are over users"
        )
    if study.split.kind is SplitKind.LEAVE_LAST:
        title += f"; with one test {noun} each, recall is the hit rate (HR)"
    return _of_models(
        title,
        study.models,
        [Column(name=one, higher_is_better=True, shows_interval=True) for one in names],
        lambda model: map(model.metrics.get, names),
        order=study.headline,
    )


def _knows_time(model: Compared) -> bool:
    """Whether it answers otherwise at another time."""
    feature_set = model.records[0].config.feature_set
    return bool(feature_set.of_time) or QUERY_TIME in feature_set


def _is_mixed(models: Sequence[Compared]) -> bool:
    """Whether some know the time of a query, and some do not."""
    return len({_knows_time(model) for model in models}) > 1


def _nouns(models: Sequence[Compared]) -> str:
    return f"{models[0].records[0].data.noun}s"


def seen_by(models: Sequence[Compared]) -> str:
    """What is masked: "movies seen in training", or what each rating's user had seen by then."""
    is_successive = models[0].records[0].config.split.is_successive
    return f"{_nouns(models)} seen {'before each target' if is_successive else 'in training'}"


def accuracy(models: Sequence[ComparedModel], *, masked: bool) -> Table:
    """Top-k accuracy on test where movies seen in training are not ranked, or where every movie is."""
    title = f"Test top-k accuracy{f', {seen_by(models)} masked' if masked else f' over all {_nouns(models)}'}"
    ks = common_ks(models)
    columns = [Column(name=f"top-{k}", higher_is_better=True) for k in ks]
    return _of_models(
        title, models, columns, lambda one: map((one.top_k.unseen if masked else one.top_k.all).get, ks)
    )


def costs(models: Sequence[ComparedModel]) -> Table:
    """What each model costs, the seconds of all its seeds together."""

    def cells(model: ComparedModel) -> tuple[Cell, ...]:
        epochs = " ".join(_epochs(record, "/") for record in model.records)
        seconds = sum(record.training_s for record in model.records)
        return (model.records[0].n_parameters, epochs, seconds) if model.is_own else (None,) * 3

    kinds = {"parameters": Kind.COUNT, "epochs": Kind.TEXT, "seconds": Kind.SECONDS}
    columns = [Column(name=name, kind=kind) for name, kind in kinds.items()]
    title = "Cost (epochs: best by validation / trained)"
    return _of_models(title, models, columns, cells, has_queries=False)


def _epochs(record: RunRecord, of: str) -> str:
    return f"{record.best_epoch}{of}{record.epochs_run}" if record.epochs_run else NONE


def beyond_accuracy(study: Study) -> Table:
    """How much of the catalogue is recommended, and how evenly: a matter of taste, so nothing is best."""
    names = list(dict.fromkeys(name for model in study.models for name in model.beyond))
    columns = [Column(name=name, kind=Kind.FOUR_DIGITS) for name in names]
    return _of_models(
        "What is recommended", study.models, columns, lambda model: map(model.beyond.get, names)
    )


def _of_models(
    title: str,
    models: Sequence[ComparedModel],
    columns: Sequence[Column],
    cells: Callable[[ComparedModel], Iterable[Cell]],
    *,
    order: str = "",
    has_queries: bool = True,
) -> Table:
    """A row a model; of figures that come from queries, those of models that know their time are marked."""
    is_mixed = has_queries and _is_mixed(models)
    rows = (
        Row(
            label=model.label,
            cells=tuple(cells(model)),
            group=(BASELINES if model.is_baseline else TRAINED) if model.is_own else OTHERS,
            note=f"{model.times} {TIME_MARK if is_mixed and _knows_time(model) else ''}".strip(),
            model=ModelMark(index, model.is_baseline),
        )
        for index, model in enumerate(models)
    )
    when = (
        "recall and top-k are asked at the time of each test rating, the other metrics at that of a user's"
        " first"
    )
    if models[0].records[0].config.split.is_successive:
        when = "all metrics are asked at the time of each test rating"
    note = f"{TIME_MARK} knows the time of a query: {when}; the other models answer alike at any time."
    if any(QUERY_TIME in model.records[0].config.feature_set for model in models):
        note += " Part of what query_time gains is that ratings come in bursts."
    return Table(
        title=title, columns=tuple(columns), rows=tuple(rows), order=order, note=note if is_mixed else ""
    )


def ratings(study: Study) -> Table:
    """How far predicted ratings are off beside how the same models rank.

    Raises:
        ValueError: no ratings are predicted.
    """
    if study.ratings is None:
        raise ValueError("the study has no predicted ratings")
    ks = [k for k in RATING_KS if all(k in model.top_k.unseen for model in study.models if model.is_own)]
    ranked = {model.label: (ModelMark(i, model.is_baseline), model) for i, model in enumerate(study.models)}

    def row(one: ComparedRatingModel) -> Row:
        mark, model = ranked.get(one.label, (None, None))
        ranks: tuple[Cell, ...] = (None,) * (len(ks) + 1)
        if model is not None:
            ranks = (*(model.top_k.unseen[k] for k in ks), model.metrics[study.headline].mean)
        cells = (one.rmse, one.mae, *ranks, FRONT_MARK if one.is_on_front else "")
        group = BASELINES if one.is_baseline else "Models that predict ratings"
        return Row(label=one.label, cells=cells, group=group, note=one.times, model=mark)

    return Table(
        title=f"Predicted ratings, off by {study.data.rating_unit}: lower is better",
        columns=(
            *(Column(name=name, higher_is_better=False, shows_interval=True) for name in ("RMSE", "MAE")),
            *(Column(name=f"top-{k}", higher_is_better=True, needs_width=True) for k in ks),
            Column(name=study.headline, higher_is_better=True),
            Column(name="front", kind=Kind.MARK),
        ),
        rows=tuple(map(row, study.ratings.models)),
        note=f"{FRONT_MARK} on the front: no other model is better on both RMSE and {study.headline}.",
        order="RMSE",
    )


def differences(study: Study) -> Table:
    """All pairs that were compared: between trained models, then against baselines."""
    baselines = {model.label for model in study.models if model.is_baseline}
    between = "Between trained models" if all(one.is_own for one in study.models) else "Between models"

    def group(pair: PairedDifference) -> str:
        return "Against baselines" if {pair.a, pair.b} & baselines else between

    pairs = sorted(study.differences, key=lambda pair: group(pair) != between)
    column = Column(name=f"difference, points of {study.headline}", kind=Kind.POINTS)
    return _differences("Pairwise differences", column, pairs, group, ("higher", "lower"))


def rating_differences(rated: RatingStudy) -> Table:
    """All pairs that were compared, by their RMSE: below 0 is better."""
    unit = rated.models[0].records[0].data.rating_unit
    column = Column(name=f"difference of RMSE, {unit}", kind=Kind.SIGNED)
    verdicts = ("worse: off by more", "better: off by less")
    return _differences("Differences of RMSE", column, rated.differences, lambda _: "", verdicts)


def _differences(
    title: str,
    column: Column,
    pairs: Sequence[PairedDifference],
    group: Callable[[PairedDifference], str],
    verdicts: tuple[str, str],
) -> Table:
    def row(pair: PairedDifference) -> Row:
        found = pair.difference
        cells = (found, found, pair.p_holm, pair.p_value, _verdict(pair, verdicts))
        return Row(label=pair.a, against=pair.b, cells=cells, group=group(pair))

    columns = (
        column,
        Column(name="", kind=Kind.BAR),
        Column(name="p, Holm", kind=Kind.PROBABILITY),
        Column(name="p", kind=Kind.PROBABILITY),
        Column(name="verdict", kind=Kind.TEXT),
    )
    return Table(title=title, columns=columns, rows=tuple(map(row, pairs)), label="pair")


def gains(study: Study) -> Table:
    """What each feature adds, the most first."""
    columns = (
        Column(name=f"gain, points of {study.headline}", kind=Kind.POINTS),
        Column(name="pairs of sets", kind=Kind.COUNT),
        Column(name="p, Holm", kind=Kind.PROBABILITY),
        Column(name="verdict", kind=Kind.TEXT),
    )
    best_first = sorted(study.ablation, key=lambda one: -one.difference.mean)
    rows = (
        Row(
            label=one.feature,
            cells=(one.difference, one.n_pairs, one.p_holm, _verdict(one, ("helps", "hurts"))),
        )
        for one in best_first
    )
    return Table(title="Gain of each feature", columns=columns, rows=tuple(rows), label="feature")


def _verdict(found: Tested, words: tuple[str, str]) -> str:
    """The one of two words for above and below 0, where the difference is significant."""
    if found.is_nil:
        return "equal"
    return words[found.difference.mean < 0] if found.is_significant else "not significant"


def of_fold(study: Study) -> str:
    """What is added to a title of figures that a cross-validation has of one fold."""
    return f", fold {study.split.fold + 1} of {study.split.folds}" if study.split.folds else ""


def segments(study: Study, shown: Sequence[Segment]) -> Table:
    """The headline metric of each model on segments of the test ratings."""
    row, is_mixed = study.data.interactions, _is_mixed(study.models)
    sizes = [Column(name=name, kind=Kind.SIZE) for name in ("users", f"{row}s")]
    models = [
        Column(
            name=f"{model.label} {TIME_MARK}" if is_mixed and _knows_time(model) else model.label,
            kind=Kind.HEAT,
            model=ModelMark(index, model.is_baseline),
        )
        for index, model in enumerate(study.models)
    ]
    rows = (
        Row(
            label=one.name,
            cells=(one.n_users, one.n_ratings, *one.accuracy),
            group=one.dimension,
            note=f"{counted(one.n_users, 'user')}, {counted(one.n_ratings, f'test {row}')}",
        )
        for one in shown
    )
    title = f"{study.headline} by segment{of_fold(study)}"
    return Table(title=title, columns=(*sizes, *models), rows=tuple(rows), label="segment")


def validations(record: RunRecord) -> Table:
    """What every validation of a run has; the epoch whose model was kept is marked."""
    k = max(record.test.unseen, default=0)
    values: dict[str, Callable[[EpochRecord], float | None]] = {
        "loss": lambda epoch: epoch.train_loss,
        "seconds": lambda epoch: epoch.elapsed_s,
        f"top-{k} unseen": lambda epoch: epoch.validation.unseen.get(k),
        f"top-{k} all": lambda epoch: epoch.validation.all.get(k),
        "RMSE": lambda epoch: None if epoch.ratings is None else epoch.ratings.rmse,
        "ndcg@10": lambda epoch: epoch.ndcg,
        "validation loss": lambda epoch: epoch.validation_loss,
    }
    names = [name for name, value in values.items() if None not in map(value, record.history)]
    rows = (
        Row(
            label=str(epoch.epoch),
            cells=tuple(values[name](epoch) for name in names),
            note="(kept)" if epoch.epoch == record.best_epoch else "",
        )
        for epoch in record.history
    )
    kinds = {"seconds": Kind.SECONDS}
    columns = tuple(Column(name=name, kind=kinds.get(name, Kind.FOUR_DECIMALS)) for name in names)
    return Table(title="Validation", columns=columns, rows=tuple(rows), label="epoch")


def runs(study: Study) -> Table:
    """Every run behind the models, one a seed or a fold."""
    names = ("seed", "epochs", "parameters", "seconds", "chosen", "created (UTC)", "folder")
    rows = (Row(label=model.label, cells=_run(record)) for model in study.models for record in model.records)
    columns = tuple(Column(name=name, kind=Kind.TEXT) for name in names)
    return Table(title="Runs", columns=columns, rows=tuple(rows))


def _run(record: RunRecord) -> tuple[str, ...]:
    config = record.config
    seed = [str(config.training.seed)] if config.training else []
    fold = [config.repetition] if config.split.folds else []
    chosen = ", ".join(f"{name} {value:g}" for name, value in record.settings.items())
    started = f"trained on from {config.parent}" if config.parent else ""
    return (
        ", ".join(seed + fold) or NONE,
        _epochs(record, " of "),
        f"{record.n_parameters:,}" if record.n_parameters else NONE,
        f"{record.training_s:,.1f}" if config.family is not Family.OTHER else NONE,
        chosen or started or NONE,
        record.created_at[:16].replace("T", " "),
        record.name,
    )
