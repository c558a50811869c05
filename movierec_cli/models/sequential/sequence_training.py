"""Train one model of sequences on a split: choose its epoch on validation, rank test once, at the end.

What a model reads and what it learns are two things. It learns train's movies, and where it is trained on at
the end, validation's. To predict a validation movie it reads train; to predict a test movie it reads train
and validation, which by then have happened. Windows are different by definition: there it reads whatever
stands before a movie.
"""

import math
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from movierec_cli.config import Feature, LossKind, SequenceConfig, Side, SplitKind, TrainingConfig
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.ragged import movies_of_users
from movierec_cli.errors import MovierecError
from movierec_cli.evaluation.evaluate import evaluate, rank_ratings
from movierec_cli.evaluation.metrics import mean_ndcg, top_k
from movierec_cli.evaluation.queries import Targets
from movierec_cli.models.feature_encodings import Vocabulary, encode_features, fit_features
from movierec_cli.models.sequential.engine import usable_devices
from movierec_cli.models.sequential.losses import SEPARABLE, popularity
from movierec_cli.models.sequential.model import HISTORY_TABLE, SequenceModel
from movierec_cli.models.sequential.packed_batches import (
    Batches,
    Histories,
    RowMaker,
    Rows,
    Segments,
    all_segments,
    default_tokens,
    newest_segments,
    windows,
)
from movierec_cli.models.sequential.sequence_fitting import SequenceFit, Validate, fit_sequences
from movierec_cli.models.sequential.sequence_queries import FittedSequences, Reader
from movierec_cli.models.sequential.steps import StepShape
from movierec_cli.models.trained import FitResult, Fitted, Fitting, Validation, run_artifacts
from movierec_cli.registry.record import RunConfig
from movierec_cli.registry.run_parts import RunParts
from movierec_cli.registry.store import Run

REFIT_SHARE = 0.1  # of the epochs that validation chose
REFIT_RATE = 0.25  # of the learning rate, from where it falls as in training
IN_BATCH_VALIDATION = 2048  # movies whose softmax the in-batch validation loss is, as KerasRS' example has it


@dataclass(frozen=True)
class _Known:
    """Which ratings are read, and which of them are learned."""

    histories: Histories
    is_target: npt.NDArray[np.bool_]  # [n], at the histories' places


def fit_run(fitting: Fitting) -> Fitted:
    """Trains one model of sequences; an interrupted training is resumed from its checkpoint.

    A judged run is trained on with all ratings.

    Raises:
        MovierecError: no user has two ratings in train, or training diverged.
    """
    dataset, split, config = fitting.dataset, fitting.split, fitting.config
    _, training = _settings(config)
    vocabularies = fit_features(dataset, split.train, config.feature_set)
    model = make_model(dataset, config, vocabularies)
    if fitting.judged is not None:
        return _fit_on_all(fitting, model, vocabularies, fitting.judged)
    known = _known(dataset, config, split.train)
    fit = _new_fit(model, known, config, len(dataset.movies))
    validate = _validation(fitting, model, known)
    result = fit_sequences(fit, validate, fitting.observer, fitting.checkpoint)
    if fitting.only_validated:
        return Fitted.only_validated(result)
    with_validation = _known(dataset, config, split.fit)
    if training.refit:
        num_epochs = math.ceil(result.best_epoch * REFIT_SHARE)
        refit_s = _train_on(fitting, model, with_validation, num_epochs)
        result = replace(result, training_s=result.training_s + refit_s)
    reader = Reader(model, with_validation.histories, config.feature_set)
    fitted = FittedSequences(dataset, reader, model.weights())
    outcome = evaluate(dataset, split.fit, split.test, fitted)
    return _fitted(fitted, vocabularies, result, RunParts(outcome=outcome))


def _fit_on_all(
    fitting: Fitting, model: SequenceModel, vocabularies: dict[Feature, Vocabulary], judged: Run
) -> Fitted:
    """Trains a judged run on with all ratings, see `Fitting.epochs_on_all`; it reads all of them, too."""
    dataset, config = fitting.dataset, fitting.config
    named = judged.artifacts.weights
    model.assign([named[name] for name in sorted(named) if name != HISTORY_TABLE])
    known = _known(dataset, config, np.arange(len(dataset.ratings)))
    n_epochs = fitting.epochs_on_all
    seconds = _train_on(fitting, model, known, n_epochs)
    reader = Reader(model, known.histories, config.feature_set)
    fitted = FittedSequences(dataset, reader, model.weights())
    return _fitted(fitted, vocabularies, FitResult(training_s=seconds, epochs_run=n_epochs), RunParts())


def _fitted(
    fitted: FittedSequences, vocabularies: dict[Feature, Vocabulary], result: FitResult, tested: RunParts
) -> Fitted:
    """The model as it is, with what it made of the test set."""
    model, dataset = fitted.reader.model, fitted.dataset
    users, movies = fitted.last
    artifacts = run_artifacts(dataset, vocabularies, dict(model.named_weights()), users, movies)
    n_parameters = sum(int(np.prod(variable.shape)) for variable in model.variables)
    return Fitted.of(result, n_parameters, replace(tested, artifacts=artifacts))


def _settings(config: RunConfig) -> tuple[SequenceConfig, TrainingConfig]:
    """A sequential family has both."""
    assert isinstance(config.model, SequenceConfig) and config.training is not None
    return config.model, config.training


def make_model(dataset: Dataset, config: RunConfig, vocabularies: dict[Feature, Vocabulary]) -> SequenceModel:
    """An untrained model for a data set."""
    sequence, training = _settings(config)
    encoded = encode_features(dataset, vocabularies, Side.MOVIE)
    inputs = tuple(column for columns in encoded.values() for column in columns)
    return SequenceModel(
        config.family, sequence, config.feature_set, len(dataset.movies), inputs, training.seed
    )


def _train_on(fitting: Fitting, model: SequenceModel, known: _Known, num_epochs: int) -> float:
    """Trains the chosen model on for some epochs, gently, with more ratings; the seconds."""
    _, chosen = _settings(fitting.config)
    training = replace(
        chosen,
        num_epochs=num_epochs,
        learning_rate=chosen.learning_rate * REFIT_RATE,
    )
    fitting.observer.refit_started(training.num_epochs)
    config = replace(fitting.config, training=training)
    fit = _new_fit(model, known, config, len(fitting.dataset.movies))
    for epoch in range(1, training.num_epochs + 1):
        loss = fit.next_epoch()
        fitting.observer.learning_rate_used(epoch, fit.learning_rate)
        fitting.observer.epoch_ended(epoch, training.num_epochs, loss)
    model.assign([np.asarray(one) for one in fit.state["weights"]])
    return fit.training_s


def _known(dataset: Dataset, config: RunConfig, past: Rows) -> _Known:
    """The ratings at `past` are learned. They are what is read, too; of windows everything is."""
    everything = np.arange(len(dataset.ratings))
    histories = Histories.of(dataset, everything if config.split.kind is SplitKind.WINDOWS else past)
    is_past = np.zeros(len(dataset.ratings), np.bool_)
    is_past[past] = True
    is_target = is_past[histories.rows]
    is_target[histories.starts[:-1][np.diff(histories.starts) > 0]] = False  # nothing is before them
    return _Known(histories, is_target)


def _new_fit(model: SequenceModel, known: _Known, config: RunConfig, n_movies: int) -> SequenceFit:
    sequence, training = _settings(config)
    if training.loss not in SEPARABLE and not sequence.windows:
        raise MovierecError(f"--loss {training.loss} of a sequential model needs --windows")
    segments = _segments(known, sequence)
    if len(segments.start) == 0:
        raise MovierecError("no user has two ratings in train, so there is no order to learn")
    tokens = training.batch_size or default_tokens(sequence)
    shape = StepShape.of(sequence, training.loss, tokens, model.micro_batch_tokens, usable_devices())
    maker = RowMaker(known.histories, known.is_target, sequence.max_length)
    batches = Batches(maker, segments, shape.rows, pack=not sequence.windows)
    targets = known.histories.movies[known.is_target]
    return SequenceFit(model, batches, shape, training, popularity(targets, n_movies))


def _segments(known: _Known, sequence: SequenceConfig) -> Segments:
    if sequence.windows:
        return windows(known.histories, np.flatnonzero(known.is_target), sequence.max_length)
    cut = all_segments if sequence.whole_history else newest_segments
    return cut(known.histories, sequence.max_length)


def _validation(fitting: Fitting, model: SequenceModel, known: _Known) -> Validate:
    dataset, config = fitting.dataset, fitting.config
    is_in_batch = _settings(config)[1].loss is LossKind.IN_BATCH
    reader = Reader(model, known.histories, config.feature_set)
    seen = movies_of_users(dataset, fitting.split.train)
    evaluated = fitting.evaluated_rows(seen)

    def validate(weights: list[jax.Array]) -> Validation:
        fitted = FittedSequences(dataset, reader, weights)
        ranks = rank_ratings(dataset, evaluated, fitted, seen)
        users = dataset.ratings.user_index[evaluated]
        ndcg = mean_ndcg(ranks.unseen, users)
        loss = _in_batch_loss(dataset, evaluated, fitted) if is_in_batch else None
        return Validation(ndcg, top_k(ranks, users), ndcg=ndcg, loss=loss)

    return validate


def _in_batch_loss(dataset: Dataset, rows: Rows, fitted: FittedSequences) -> float:
    """The in-batch softmax of `IN_BATCH_VALIDATION` ratings at a time, the mean over ratings, nats."""
    queries, query_of = fitted.reader.queries_of(dataset, Targets.of_rows(dataset.ratings, rows))
    states, movies = fitted.reader.states(fitted.weights, queries)
    targets = dataset.ratings.movie_index[rows]
    mixed = np.random.default_rng(0).permutation(len(rows))  # a batch of one user's movies would be harder
    losses, sizes = [], []
    for first in range(0, len(rows), IN_BATCH_VALIDATION):
        micro_batch = mixed[first : first + IN_BATCH_VALIDATION]
        scores = states[query_of[micro_batch]] @ movies[targets[micro_batch]].T
        own = scores.diagonal()
        losses.append(float((np.asarray(jax.nn.logsumexp(jnp.asarray(scores), axis=1)) - own).mean()))
        sizes.append(len(micro_batch))
    return float(np.average(losses, weights=sizes))
