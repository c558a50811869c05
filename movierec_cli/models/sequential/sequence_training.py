"""Train one model of sequences on a split, in one process or several, and rank test once, at the end."""

from dataclasses import replace

import numpy as np

from movierec_cli.config import Feature
from movierec_cli.config.processes import Device
from movierec_cli.data.ragged import movies_of_users
from movierec_cli.evaluation.evaluate import evaluate
from movierec_cli.evaluation.outcome import Outcome
from movierec_cli.models.feature_encodings import Vocabulary
from movierec_cli.models.sequential.checkpoint import Weights
from movierec_cli.models.sequential.engine import choose_device, keep_compiled
from movierec_cli.models.sequential.group_training import learn_together
from movierec_cli.models.sequential.model import SequenceModel
from movierec_cli.models.sequential.packed_batches import Histories
from movierec_cli.models.sequential.sequence_learning import known_ratings, learn, make_model
from movierec_cli.models.sequential.sequence_queries import FittedSequences, Reader
from movierec_cli.models.sequential.shares import Share
from movierec_cli.models.started import Start, features_of
from movierec_cli.models.trained import FitResult, Fitted, Fitting, run_artifacts
from movierec_cli.registry.run_parts import RunParts
from movierec_cli.registry.store import Run
from movierec_cli.scoring.sequence_network import HISTORY_TABLE


def fit_run(fitting: Fitting) -> Fitted:
    """Trains one model of sequences; an interrupted training is resumed from its checkpoint.

    A judged run is trained on with all ratings; where there is a parent, training begins with its weights.

    Raises:
        MovierecError: no user has two ratings in train, training diverged, a process of several was lost, or
            there is no device such as is asked for.
    """
    choose_device(Device.AUTO if fitting.processes is None else fitting.processes.device)
    keep_compiled()
    dataset, split, config = fitting.dataset, fitting.split, fitting.config
    is_on_all = fitting.judged is not None
    share = _share(fitting)
    model = make_model(dataset, config, share.vocabularies)
    if fitting.parent is not None:
        share = replace(share, start=_started(model, Start.of(fitting.parent, dataset)))
    if not is_on_all:  # what cannot work is refused before anything is trained
        fitting.evaluated_rows(movies_of_users(dataset, split.train))
    if fitting.processes is None or fitting.processes.n_processes == 1:
        result = learn(share, model, fitting.observer)
    else:
        weights, result = learn_together(share, fitting.processes, fitting.observer)
        model.assign(weights)
    if fitting.only_validated:
        return Fitted.only_validated(result)
    known = known_ratings(dataset, config, np.arange(len(dataset.ratings)) if is_on_all else split.fit)
    fitted = FittedSequences(dataset, Reader(model, known.histories, config.feature_set), model.weights())
    parts = RunParts() if is_on_all else RunParts(outcome=_tested(fitted, fitting))
    return _fitted(fitted, share.vocabularies, result, parts)


def _tested(fitted: FittedSequences, fitting: Fitting) -> Outcome:
    """What the model does with test; of successive targets it reads those before each, too."""
    dataset, split = fitting.dataset, fitting.split
    if split.is_successive:
        histories = Histories.of(dataset, np.arange(len(dataset.ratings)))
        reader = Reader(fitted.reader.model, histories, fitting.config.feature_set)
        fitted = replace(fitted, reader=reader)
    return evaluate(dataset, split.fit, split.test, fitted, is_successive=split.is_successive)


def _share(fitting: Fitting) -> Share:
    """All that is to be learned."""
    dataset, judged, start, config = fitting.dataset, fitting.judged, None, fitting.config
    if fitting.only_validated and config.training is not None:
        config = replace(config, training=replace(config.training, refit=False))
    if judged is not None:
        start = _weights_of(judged)
    return Share(
        dataset=dataset,
        split=fitting.split,
        users=np.arange(len(dataset.users)),
        ratings=np.arange(len(dataset.ratings)),
        config=config,
        vocabularies=features_of(dataset, fitting.split.train, config, fitting.features_from),
        checkpoint=fitting.checkpoint,
        start=start,
        epochs_on_all=0 if judged is None else fitting.epochs_on_all,
    )


def _weights_of(run: Run) -> Weights:
    """In the order of `SequenceModel.variables`."""
    named = run.artifacts.weights
    return [named[name] for name in sorted(named) if name != HISTORY_TABLE]


def _started(model: SequenceModel, start: Start) -> Weights:
    of_movies = [model.candidates.own, model.history.own]
    tables = [
        start.movies if any(variable is one for one in of_movies) else None for variable in model.variables
    ]
    return start.weights([np.asarray(one) for one in model.weights()], _weights_of(start.parent), tables)


def _fitted(
    fitted: FittedSequences, vocabularies: dict[Feature, Vocabulary], result: FitResult, tested: RunParts
) -> Fitted:
    """The model as it is, with what it made of the test set."""
    model, dataset = fitted.reader.model, fitted.dataset
    users, movies = fitted.last
    artifacts = run_artifacts(dataset, vocabularies, dict(model.named_weights()), users, movies)
    n_parameters = sum(int(np.prod(variable.shape)) for variable in model.variables)
    return Fitted.of(result, n_parameters, replace(tested, artifacts=artifacts))
