"""A plain Keras model of sequences on the engine that KERAS_BACKEND names: prints JSON.

`python engine_epoch.py SETTINGS`, with SETTINGS as JSON: see `engines.Settings`. Layers, loss and loop are
Keras' own, so that nothing differs but the engine.
"""

import json
import sys
import time
from typing import Any

import keras
import numpy as np


class Clock(keras.callbacks.Callback):
    """The seconds of each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []
        self._started = 0.0

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
        self._started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        self.seconds.append(time.perf_counter() - self._started)


def build(settings: dict[str, Any]) -> keras.Model:
    """An embedding, causal attention blocks with the norm first, scores of all movies."""
    width, dropout = settings["width"], settings["dropout"]
    movies = keras.Input((settings["length"],), dtype="int32")
    states = keras.layers.Embedding(settings["n_movies"], width)(movies)
    for _ in range(settings["blocks"]):
        attention = keras.layers.MultiHeadAttention(
            settings["heads"], width // settings["heads"], dropout=dropout
        )
        normed = keras.layers.LayerNormalization()(states)
        attended = attention(normed, normed, use_causal_mask=True)
        states = states + keras.layers.Dropout(dropout)(attended)
        normed = keras.layers.LayerNormalization()(states)
        hidden = keras.layers.Dense(width, activation="relu")(normed)
        states = states + keras.layers.Dropout(dropout)(keras.layers.Dense(width)(hidden))
    scores = keras.layers.Dense(settings["n_movies"], use_bias=False)(
        keras.layers.LayerNormalization()(states)
    )
    return keras.Model(movies, scores)


def main() -> None:
    settings = json.loads(sys.argv[1])
    keras.utils.set_random_seed(0)
    model = build(settings)
    model.compile(
        optimizer=keras.optimizers.Adam(0.001),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    shape = (settings["steps"] * settings["rows"], settings["length"] + 1)
    histories = np.random.default_rng(0).integers(0, settings["n_movies"], shape, dtype=np.int32)
    clock = Clock()
    model.fit(
        histories[:, :-1],
        histories[:, 1:],
        batch_size=settings["rows"],
        epochs=settings["epochs"],
        shuffle=False,
        verbose=0,
        callbacks=[clock],
    )
    print(json.dumps({"engine": keras.backend.backend(), "epoch_s": clock.seconds}))


if __name__ == "__main__":
    main()
