"""Movies that nobody rated in training: their ids learned nothing, so they are told from their content.

What the id and the bias of a rated movie have learned is predicted from what the tower sees of the movie
besides, by ridge regression over the rated ones, and put in place of the ids and biases of the others. They
are then scored, explained and exported like any movie. (Gantner et al. 2010, "Learning attribute-to-feature
mappings for cold-start recommendations".)
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from movierec_cli.models.two_tower.two_tower import TwoTowerModel

_Floats = npt.NDArray[np.float64]
_Counts = npt.NDArray[np.int64]

RIDGES = (0.1, 1.0, 10.0, 100.0, 1_000.0)
"""What is tried, in units of the mean variance of a column; the one that predicts left-out movies best."""


def tell_cold_movies(model: TwoTowerModel, n_ratings: _Counts) -> None:
    """Gives movies without ratings the ids and biases that their content lets expect.

    Where the tower sees nothing but ids, that is the mean: else any feature, even one of noise, would seem to
    help by lifting them from the end of every list, where ids that were never watched have gone.

    Args:
        model: trained; its ids and biases of movies without ratings are replaced.
        n_ratings: of each movie in training, [n_movies].
    """
    tower, is_cold = model.movie_tower, n_ratings == 0
    if not is_cold.any() or is_cold.all():
        return
    parts = [np.zeros((len(n_ratings), 0)), *(one.every().numpy() for one in tower.features)]
    content = np.concatenate(parts, axis=1).astype(np.float64)
    for variable in (tower.ids.table, *([] if tower.bias is None else [tower.bias])):
        learned = variable.numpy().reshape(len(n_ratings), -1)
        learned[is_cold] = expected(content[~is_cold], learned[~is_cold].astype(np.float64), content[is_cold])
        variable.assign(learned.reshape(variable.shape))


def expected(content: _Floats, known: _Floats, of_others: _Floats) -> _Floats:
    """What is known of rows, predicted for others from their content by ridge regression.

    The ridge is the one of `RIDGES` with the least squared error of rows left out one at a time (Allen 1974,
    "The relationship between variable selection and data augmentation and a method for prediction").

    Args:
        content: [n, width].
        known: [n, dim].
        of_others: content of the others, [m, width].

    Returns:
        [m, dim].
    """
    mean, offset = content.mean(axis=0), known.mean(axis=0)
    centred, target = content - mean, known - offset
    left, scales, right = np.linalg.svd(centred, full_matrices=False)  # [n, r], [r], [r, width]
    unit = (scales**2).sum() / max(content.shape[1], 1)
    projected = left.T @ target  # [r, dim]
    errors = []
    for ridge in RIDGES:
        shrunk = scales**2 / (scales**2 + ridge * unit + np.finfo(float).tiny)  # [r]
        leverage = (left**2) @ shrunk + 1 / len(content)  # [n]
        residual = target - left @ (shrunk[:, None] * projected)
        errors.append(float(((residual / np.maximum(1 - leverage, 1e-6)[:, None]) ** 2).sum()))
    ridge = RIDGES[int(np.argmin(errors))]
    weights = (scales / (scales**2 + ridge * unit + np.finfo(float).tiny))[:, None] * projected
    predicted: _Floats = offset + (of_others - mean) @ right.T @ weights
    return predicted
