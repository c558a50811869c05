"""What a model of the order of a user's films is built of, and what turns its gradients into steps."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from movierec_cli.config.require import require
from movierec_cli.errors import UsageError


class Optimizer(enum.StrEnum):
    """What turns gradients into steps."""

    ADAM = "adam"
    ADAMW = "adamw"
    """Adam with weights that decay by themselves."""
    ADAGRAD = "adagrad"


class Schedule(enum.StrEnum):
    """How the learning rate goes over the epochs."""

    CONSTANT = "constant"
    COSINE = "cosine"
    """Up in the first epoch, then down along half a cosine to a hundredth in the last."""


@dataclass(frozen=True, kw_only=True)
class SequenceConfig:
    """A model of the order of a user's films. Sizes are widths of vectors.

    `dropout` is the share of inputs, attention weights and layers' outputs.
    """

    max_length: int = 200  # films; the newest of a longer history are seen
    embedding_size: int = 64
    num_layers: int = 2  # attention blocks or recurrent layers
    num_heads: int = 2  # of attention
    hidden_size: int = 64  # of a block's feed-forward layer, or units of a recurrent layer
    dropout: float = 0.2
    shared_embeddings: bool = True  # films have one embedding as history and as candidate
    whole_history: bool = True  # older films than the newest `max_length` are learned as well
    windows: bool = False  # each film is learned from a window of its own, not all of a history at once
    num_negatives: int = 256  # of the sampled losses, for each micro-batch
    optimizer: Optimizer = Optimizer.ADAM
    schedule: Schedule = Schedule.COSINE
    summed_loss: bool = False  # over a step, in place of its mean: as TFRS does, and Adagrad notices

    def __post_init__(self) -> None:
        for name in ("max_length", "embedding_size", "num_layers", "num_heads", "hidden_size"):
            require(getattr(self, name) > 0, f"--{name}", getattr(self, name), "1 or more")
        require(self.num_negatives > 0, "--num_negatives", self.num_negatives, "1 or more")
        require(0 <= self.dropout < 1, "--dropout", self.dropout, "0 or more and below 1")
        if self.embedding_size % self.num_heads:
            raise UsageError(
                f"--embedding_size {self.embedding_size} cannot be divided among --num_heads {self.num_heads}"
            )
