"""The state after a history that need not be in the data, by a saved model of sequences."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from movierec_cli.config import SequenceConfig
from movierec_cli.errors import SavedModelError
from movierec_cli.models.sequential.engine import start_keras
from movierec_cli.registry.store import Run


def state_after(
    run: Run,
    movie_rows: npt.NDArray[np.int64],
    seconds: npt.NDArray[np.int64] | None = None,
    query_s: int | None = None,
) -> npt.NDArray[np.float32]:
    """What a saved model makes of some movies, watched one after the other.

    Args:
        run: of a sequential family.
        movie_rows: int [n], rows of the run's own movies, oldest first; the newest `max_length` count.
        seconds: int [n], when each was watched; None: all at once.
        query_s: when the next is asked for, for a model that sees it; None: right after the last.

    Returns:
        float32 [dim]; its dot product with a movie's embedding is the movie's score.

    Raises:
        ValueError: the history is empty.
        SavedModelError: the run's files are damaged.
    """
    if len(movie_rows) == 0:
        raise ValueError("a history needs one movie or more")
    start_keras()
    from movierec_cli.models.sequential.model import SequenceModel
    from movierec_cli.models.sequential.packed_batches import Histories, gap_buckets
    from movierec_cli.models.sequential.sequence_queries import Reader

    config = run.record.config
    assert isinstance(config.model, SequenceConfig)  # the caller chose a run of a sequential family
    model = SequenceModel(config.family, config.model, config.feature_set, len(run.artifacts.movie_ids))
    n = len(movie_rows)
    histories = Histories(
        rows=np.arange(n),
        starts=np.array([0, n]),
        movies=movie_rows.astype(np.int32),
        seconds=np.zeros(n, np.int64) if seconds is None else seconds.astype(np.int64),
    )
    try:
        model.serve(run.artifacts.weights, run.artifacts.movie_embeddings)
    except (KeyError, ValueError) as error:
        raise SavedModelError(
            f"{run.folder}: artifacts.npz is damaged: it is not of this model: {error}"
        ) from error
    reader = Reader(model, histories, config.feature_set)
    queries = reader.last()
    if query_s is not None:
        query_gap = gap_buckets(np.array([query_s], np.int64) - histories.seconds[-1:])
        queries = replace(queries, query_gap=query_gap)
    states, _ = reader.states(model.weights(), queries)
    state: npt.NDArray[np.float32] = states[0]
    if not np.isfinite(state).all():
        raise SavedModelError(f"{run.folder}: artifacts.npz is damaged: its weights give no finite numbers")
    return state
