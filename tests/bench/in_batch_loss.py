"""The loss of retrieval tutorials: which of the batch's films is mine?"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
BATCH_SIZE = 2048  # of the KerasRS example's validation; a larger batch is a larger loss


def in_batch_loss(queries: Floats, positives: Floats, batch_size: int = BATCH_SIZE) -> float:
    """Softmax cross-entropy in nats, the classes being the positives of the batch, doubles not corrected.

    Mean over examples, as Keras averages its batches: a smaller last batch counts for less.

    Args:
        queries: [n, dim], in the order in which they are cut into batches.
        positives: [n, dim], the embedding of each query's film.
        batch_size: how many compete.
    """
    losses = [
        _cross_entropy(queries[start : start + batch_size], positives[start : start + batch_size])
        for start in range(0, len(queries), batch_size)
    ]
    return float(np.concatenate(losses).mean())


def _cross_entropy(queries: Floats, positives: Floats) -> Floats:
    scores = queries.astype(np.float64) @ positives.T.astype(
        np.float64
    )  # [n, n], the positive on the diagonal
    highest = scores.max(axis=1)
    normalizer = highest + np.log(np.exp(scores - highest[:, None]).sum(axis=1))
    loss: Floats = normalizer - np.diagonal(scores)
    return loss
