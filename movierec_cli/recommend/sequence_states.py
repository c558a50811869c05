"""The state after a history that need not be in the data, by a saved model of sequences."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from movierec_cli.config import QUERY_TIME, TIME_GAP, SequenceConfig
from movierec_cli.errors import SavedModelError
from movierec_cli.registry.store import Run
from movierec_cli.scoring.sequence_network import SequenceNetwork, gap_buckets


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
    config = run.record.config
    assert isinstance(config.model, SequenceConfig)  # the caller chose a run of a sequential family
    times = np.zeros(len(movie_rows), np.int64) if seconds is None else seconds
    since_last = np.array([0 if query_s is None else query_s - int(times[-1])], np.int64)
    gaps = np.concatenate([[0], gap_buckets(np.diff(times)), gap_buckets(since_last)])  # [n + 1]
    newest = slice(-config.model.max_length, None)
    network = SequenceNetwork(run.artifacts.weights, config.model, len(run.artifacts.movie_ids))
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            state = network.read(
                config.family,
                movie_rows[newest],
                gaps[:-1][newest] if TIME_GAP in config.feature_set else None,
                gaps[1:][newest] if QUERY_TIME in config.feature_set else None,
            )
    except (KeyError, ValueError) as error:
        raise SavedModelError(
            f"{run.folder}: artifacts.npz is damaged: it is not of this model: {error}"
        ) from error
    if not np.isfinite(state).all():
        raise SavedModelError(f"{run.folder}: artifacts.npz is damaged: its weights give no finite numbers")
    return state
