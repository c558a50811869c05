"""Prints a hash of what a step of each kind of model learns: `python -m tests.models.sequential.step_bits`.

In a process of its own, as XLA reads once how many threads there are. Sizes are those at which sums were
cut into as many parts as there were threads.
"""

import hashlib
import json

from movierec_cli.models.sequential.engine import start_keras

start_keras(2)

import keras  # noqa: E402
import numpy as np  # noqa: E402

from movierec_cli.config import TIME_GAP, Activation, Family, FeatureSet, LossKind, SequenceConfig  # noqa: E402
from movierec_cli.models.sequential.model import SequenceModel  # noqa: E402
from movierec_cli.models.sequential.steps import StepShape, compiled_step, step_functions  # noqa: E402
from movierec_cli.models.two_tower.inputs import BagInput  # noqa: E402
from tests.models.sequential.rings import COLUMNS  # noqa: E402

N_MOVIES = 1_500
GENRES = BagInput.of([[movie % 7] * (movie % 4) for movie in range(N_MOVIES)], 7)
CASES = {
    "sasrec": (
        Family.SASREC,
        SequenceConfig(
            embedding_size=128, hidden_size=512, activation=Activation.GELU, dropout=0.3, num_negatives=512
        ),
        LossKind.SAMPLED,
    ),
    "gru4rec": (Family.GRU4REC, SequenceConfig(hidden_size=128, num_layers=1), LossKind.CATALOGUE),
    "hstu": (Family.HSTU, SequenceConfig(num_layers=1), LossKind.GBCE),
}


def hash_of(family: Family, config: SequenceConfig, loss: LossKind) -> str:
    """Of the weights and sums after a step of two lanes on two devices."""
    model = SequenceModel(family, config, FeatureSet([TIME_GAP]), N_MOVIES, (GENRES,), seed=1)
    optimizer = keras.optimizers.SGD(0.1)
    optimizer.build(model.variables)
    shape = StepShape(4, 1, 2)
    functions = step_functions(model, optimizer, loss, shape, np.ones(N_MOVIES, np.float32), seed=3)
    step = compiled_step(functions, devices=2)
    generator = np.random.default_rng(0)
    rows = {
        name: generator.integers(0, 20, (shape.rows, config.max_length)).astype(np.int32) for name in COLUMNS
    }
    for name in ("movie", "target"):
        rows[name] = generator.integers(0, N_MOVIES, rows[name].shape).astype(np.int32)
    rows["segment"] = np.ones_like(rows["movie"])
    rows["weight"] = np.ones_like(rows["movie"])
    rows["position"] = np.broadcast_to(np.arange(config.max_length, dtype=np.int32), rows["movie"].shape)
    state = {"weights": model.weights(), "optimizer": [one.value for one in optimizer.variables]}
    after, sums = step({**state, "step": np.int32(0)}, rows)
    found = hashlib.sha256(np.asarray(sums).tobytes())
    for weights in after["weights"]:
        assert np.isfinite(weights).all()
        found.update(np.asarray(weights).tobytes())
    return found.hexdigest()


if __name__ == "__main__":
    print(json.dumps({name: hash_of(*case) for name, case in CASES.items()}))
