"""Learns one model of sequences from a process' share of the ratings, and chooses its epoch on validation.

What a model reads and what it learns are two things. It learns train's movies, and where it is trained on at
the end, validation's. To predict a validation movie it reads train; to predict a test movie it reads train
and validation, which by then have happened. Where targets are successive it also reads what its user rated
before the movie in the same part. Windows are different by definition: there it reads whatever stands before
a movie.
"""

import math
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from movierec_cli.config import Feature, LossKind, SequenceConfig, Side, SplitKind, TrainingConfig
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.ragged import movies_of_users
from movierec_cli.errors import MovierecError
from movierec_cli.evaluation.evaluate import rank_ratings, seen_in
from movierec_cli.evaluation.metrics import lists_of, mean_ndcg, top_k
from movierec_cli.evaluation.queries import Targets
from movierec_cli.evaluation.ranks import Ranks, RanksByMode
from movierec_cli.models.feature_encodings import Vocabulary, encode_features
from movierec_cli.models.observer import TrainingObserver
from movierec_cli.models.sequential.engine import is_accelerated, usable_devices
from movierec_cli.models.sequential.losses import SEPARABLE, popularity
from movierec_cli.models.sequential.model import SequenceModel
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
from movierec_cli.models.sequential.process_group import ALONE, ProcessGroup
from movierec_cli.models.sequential.sequence_fitting import SequenceFit, Validate, fit_sequences
from movierec_cli.models.sequential.sequence_queries import FittedSequences, Reader
from movierec_cli.models.sequential.shared_batches import exchange_by, of_all_processes
from movierec_cli.models.sequential.shares import Share
from movierec_cli.models.sequential.steps import StepShape
from movierec_cli.models.trained import FitResult, Validation, evaluated_rows, validated_users
from movierec_cli.records import dataclass
from movierec_cli.registry.record import RunConfig

REFIT_SHARE = 0.1  # of the epochs that validation chose
REFIT_RATE = 0.25  # of the learning rate, from where it falls as in training
IN_BATCH_VALIDATION = 2048  # movies whose softmax the in-batch validation loss is, as KerasRS' example has it


@dataclass(frozen=True)
class Known:
    """Which ratings are read, and which of them are learned."""

    histories: Histories
    is_target: npt.NDArray[np.bool_]  # [n], at the histories' places


def learn(
    share: Share, model: SequenceModel, observer: TrainingObserver, group: ProcessGroup = ALONE
) -> FitResult:
    """Trains a model, which then holds the chosen epoch's weights; all processes of a group get the same.

    Args:
        share: of this process.
        model: with its first weights.
        observer: told of the progress.
        group: who trains together.

    Raises:
        MovierecError: as `sequence_training.fit_run`.
    """
    dataset, split, config = share.dataset, share.split, share.config
    if share.start is not None:
        model.assign(share.start)
    if share.epochs_on_all:
        known = known_ratings(dataset, config, np.arange(len(dataset.ratings)))
        n_epochs = share.epochs_on_all
        seconds = _train_on(share, model, known, n_epochs, observer, group)
        return FitResult(training_s=seconds, epochs_run=n_epochs)
    known = known_ratings(dataset, config, split.train)
    fit = _new_fit(model, known, share, _settings(config)[1], group)
    validate = validation_of(share, model, known, group)
    result = fit_sequences(fit, validate, observer, share.checkpoint)
    if not fit.training.refit:
        return result
    n_epochs = math.ceil(result.best_epoch * REFIT_SHARE)
    with_validation = known_ratings(dataset, config, split.fit)
    refit_s = _train_on(share, model, with_validation, n_epochs, observer, group)
    return replace(result, training_s=result.training_s + refit_s)


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


def _train_on(
    share: Share,
    model: SequenceModel,
    known: Known,
    num_epochs: int,
    observer: TrainingObserver,
    group: ProcessGroup,
) -> float:
    """Trains the chosen model on for some epochs, gently, with more ratings; the seconds."""
    _, chosen = _settings(share.config)
    training = replace(chosen, num_epochs=num_epochs, learning_rate=chosen.learning_rate * REFIT_RATE)
    observer.refit_started(training.num_epochs)
    fit = _new_fit(model, known, share, training, group)
    for epoch in range(1, training.num_epochs + 1):
        loss = fit.next_epoch()
        observer.learning_rate_used(epoch, fit.learning_rate)
        observer.epoch_ended(epoch, training.num_epochs, loss)
    model.assign([np.asarray(one) for one in fit.state["weights"]])
    return fit.training_s


def known_ratings(dataset: Dataset, config: RunConfig, past: Rows) -> Known:
    """The ratings at `past` are learned. They are what is read, too; of windows everything is."""
    everything = np.arange(len(dataset.ratings))
    histories = Histories.of(dataset, everything if config.split.kind is SplitKind.WINDOWS else past)
    is_past = np.zeros(len(dataset.ratings), np.bool_)
    is_past[past] = True
    is_target = is_past[histories.rows]
    is_target[histories.starts[:-1][np.diff(histories.starts) > 0]] = False  # nothing is before them
    return Known(histories, is_target)


def _new_fit(
    model: SequenceModel, known: Known, share: Share, training: TrainingConfig, group: ProcessGroup
) -> SequenceFit:
    sequence, _ = _settings(share.config)
    if training.loss not in SEPARABLE and not sequence.windows:
        raise MovierecError(f"--loss {training.loss} of a sequential model needs --windows")
    own = _segments(known, sequence)
    segments, is_own = of_all_processes(own, known.histories, share.users, group)
    if len(segments.start) == 0:
        raise MovierecError("no user has two ratings in train, so there is no order to learn")
    tokens = training.batch_size or default_tokens(sequence, int(segments.length.sum()))
    on_device = is_accelerated() and group.size == 1
    micro_batch_tokens = None if on_device else model.micro_batch_tokens
    shape = StepShape.of(sequence, training.loss, tokens, micro_batch_tokens)
    exchange = exchange_by(group, shape.lanes_of_process(group.size) * shape.rows_per_lane)
    maker = RowMaker(known.histories, known.is_target, sequence.max_length)
    batches = Batches(
        maker, segments, shape.rows, pack=not sequence.windows, is_own=is_own, exchange=exchange
    )
    # Asked by losses that compare the rows of a step, which several processes do not share.
    chances = popularity(known.histories.movies[known.is_target], len(share.dataset.movies))
    return SequenceFit(model, batches, shape, training, chances, group, usable_devices(), on_device)


def _segments(known: Known, sequence: SequenceConfig) -> Segments:
    if sequence.windows:
        return windows(known.histories, np.flatnonzero(known.is_target), sequence.max_length)
    cut = all_segments if sequence.whole_history else newest_segments
    return cut(known.histories, sequence.max_length)


def validation_of(share: Share, model: SequenceModel, known: Known, group: ProcessGroup) -> Validate:
    """Each process ranks its own users' ratings; what is found of all is the same in all."""
    dataset, split, config = share.dataset, share.split, share.config
    training = _settings(config)[1]
    is_in_batch = training.loss is LossKind.IN_BATCH
    histories = Histories.of(dataset, split.fit) if split.is_successive else known.histories
    reader = Reader(model, histories, config.feature_set)
    evaluated = evaluated_rows(dataset, split, movies_of_users(dataset, split.train))
    seen = seen_in(dataset, split.train, split)
    own_users = share.users[dataset.ratings.user_index[evaluated]]
    is_validated = np.isin(own_users, validated_users(np.concatenate(group.gathered(own_users)), training))
    evaluated, own_users = evaluated[is_validated], own_users[is_validated]
    order = np.argsort(np.concatenate(group.gathered(share.ratings[evaluated])))
    users = np.concatenate(group.gathered(own_users))[order]
    lists = lists_of(users, is_successive=split.is_successive)

    def validate(weights: list[jax.Array]) -> Validation:
        fitted = FittedSequences(dataset, reader, weights)
        own = rank_ratings(dataset, evaluated, fitted, seen)
        ranks = RanksByMode.of(*(_of_all(one, order, group) for one in (own.all, own.unseen)))
        ndcg = mean_ndcg(ranks.unseen, lists)
        loss = _in_batch_loss(dataset, evaluated, fitted) if is_in_batch else None
        return Validation(ndcg, top_k(ranks, lists), ndcg=ndcg, loss=loss)

    return validate


def _of_all(own: Ranks, order: Rows, group: ProcessGroup) -> Ranks:
    """The ranks of all processes, in the order of their ratings."""
    better, tied = np.concatenate(group.gathered(np.stack([own.better, own.tied], axis=1)))[order].T
    return Ranks(better, tied)


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
