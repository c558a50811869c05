"""What two towers are built of."""

from __future__ import annotations

from dataclasses import dataclass

from movierec_cli.config.require import require


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The two towers. Sizes are widths of vectors.

    `dropout` is the share of each tower's inputs. `l2` weighs the embeddings' squares against the loss
    summed over all training interactions, so that it means the same for a small data set and a large one.
    """

    embedding_size: int = 64
    layer_sizes: tuple[int, ...] = (128, 64)
    dropout: float = 0.2
    l2: float = 6.0

    def __post_init__(self) -> None:
        require(self.embedding_size > 0, "--embedding_size", self.embedding_size, "1 or more")
        sizes = self.layer_sizes
        require(all(size > 0 for size in sizes), "--layer_sizes", sizes, "1 or more each")
        require(0 <= self.dropout < 1, "--dropout", self.dropout, "0 or more and below 1")
        require(self.l2 >= 0, "--l2", self.l2, "0 or more")
