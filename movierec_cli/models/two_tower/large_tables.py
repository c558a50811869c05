"""Adam on large tables of which a step needs few rows.

Adam moves every row at every step, as its means of the gradient go on after it, and so does a penalty. Of a
table of 100 MB reading and writing all that is most of a step. Here a step updates the rows that it needs.
What the others would have done meanwhile, in some steps without a gradient but that of the penalty, is done
at once: for a row when a step needs it again, and for all every few steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import tensorflow as tf
import tf_keras

from movierec_cli.models.two_tower.keras_towers import IdEmbedding
from movierec_cli.records import dataclass

MOST_STEPS = 8
"""That are done at once. Within them a row's weights hardly change, and its means by known powers."""

SETTLED_ROWS = 2**15  # at a time

_State = tuple[tf.Tensor, tf.Tensor, tf.Tensor]
"""Weights and Adam's two means, float32 [b, d] each."""


class LargeTable:
    """A table with Adam's means of its gradient.

    Args:
        ids: whose table it is; from now on its penalty is this one's to give.
        rates: Adam's.
    """

    def __init__(self, ids: IdEmbedding, rates: AdamRates):
        ids.is_penalised_by_rows = True
        self.variable = ids.table
        self._of_weight, self._rates = 2.0 * ids.penalty_of_large, rates
        self._means = [tf.Variable(tf.zeros_like(ids.table), trainable=False) for _ in range(2)]
        self._done = tf.Variable(
            tf.zeros(ids.table.shape[0], tf.int32), trainable=False
        )  # steps, of each row

    def catch_up(self, rows: tf.Tensor, step: tf.Tensor) -> None:
        """Before rows int32 [b] are read: does what is left of the steps up to this one."""
        advance = self._rates.advance(tf.gather(self._done, rows), step)
        self._put(rows, _advanced(self._gathered(rows), advance, self._of_weight), step)

    def settle(self, step: tf.Tensor) -> None:
        """The same for all rows."""
        n_rows = self.variable.shape[0]
        for start in range(0, n_rows, SETTLED_ROWS):  # at once it would need the whole state anew
            self.catch_up(tf.range(start, min(start + SETTLED_ROWS, n_rows)), step)

    def update(self, gradient: tf.IndexedSlices, step: tf.Tensor) -> None:
        """One step of Adam for the rows that have a gradient, which have caught up with the step before."""
        rows, place = tf.unique(gradient.indices)
        summed = tf.math.unsorted_segment_sum(gradient.values, place, tf.size(rows))
        weights, first, second = self._gathered(rows)
        summed += self._of_weight * weights
        self._put(rows, self._rates.stepped(weights, first, second, summed, step), step)

    def _gathered(self, rows: tf.Tensor) -> _State:
        return tf.gather(self.variable, rows), *(tf.gather(mean, rows) for mean in self._means)

    def _put(self, rows: tf.Tensor, state: _State, step: tf.Tensor) -> None:
        for part, value in zip((self.variable, *self._means), state, strict=True):
            part.scatter_update(tf.IndexedSlices(value, rows))
        self._done.scatter_update(tf.IndexedSlices(tf.fill(tf.shape(rows), step), rows))


@dataclass(frozen=True)
class AdamRates:
    """What a step of Adam is: Kingma & Ba 2015, "Adam", end of section 2."""

    learning_rate: float
    beta_2: float
    beta_1: float = 0.9
    epsilon: float = 1e-7

    def _rate(self, step: tf.Tensor) -> tf.Tensor:
        """The learning rate with the correction of the means' bias, from step 1 on."""
        step = tf.cast(step, tf.float32)
        return self.learning_rate * tf.sqrt(1 - self.beta_2**step) / (1 - self.beta_1**step)

    def stepped(
        self, weights: tf.Tensor, first: tf.Tensor, second: tf.Tensor, gradient: tf.Tensor, step: tf.Tensor
    ) -> _State:
        """The state after a step with this gradient."""
        first = self.beta_1 * first + (1 - self.beta_1) * gradient
        second = self.beta_2 * second + (1 - self.beta_2) * gradient**2
        return weights - self._rate(step) * first / (tf.sqrt(second) + self.epsilon), first, second

    def advance(self, done: tf.Tensor, step: tf.Tensor) -> list[tf.Tensor]:
        """What `_advanced` takes of rows that have up to `MOST_STEPS` steps without a gradient to do.

        Args:
            done: int32 [b], steps that are in each row's state.
            step: up to which.

        Returns:
            float32 [b, 1] each: the sums of the learning rates times what is left of the mean, and times what
            the penalty has of it; what is left of both means; what is left of the second half the way.
        """
        n_steps = tf.cast(step - done, tf.float32)
        of_mean, of_penalty = tf.zeros_like(n_steps), tf.zeros_like(n_steps)
        for number in range(1, MOST_STEPS + 1):
            rate = tf.where(number <= n_steps, self._rate(done + number), 0.0)
            of_mean += rate * self.beta_1**number
            of_penalty += rate * (1 - self.beta_1**number)
        left = self.beta_1**n_steps, self.beta_2**n_steps, self.beta_2 ** ((n_steps + 1) / 2)
        return [one[:, None] for one in (of_mean, of_penalty, *left)]


@tf.function(jit_compile=True)  # type: ignore[untyped-decorator]
def _advanced(
    state: _State, advance: Sequence[tf.Tensor], of_weight: float, epsilon: float = AdamRates.epsilon
) -> _State:
    """The state after steps whose gradient is that of the penalty.

    Compiled, each number is read and written once. What a row has alike is given: it would be computed anew
    for each of its numbers. The weights in the penalty's gradient are those of before, and the root is that
    of half the way.

    Args:
        state: of b rows.
        advance: of each, see `AdamRates.advance`.
        of_weight: the penalty's gradient, times the weight.
        epsilon: of Adam.
    """
    weights, first, second = state
    of_mean, of_penalty, of_first, of_second, half = advance
    gradient = of_weight * weights
    root = tf.sqrt(half * second + (1 - half) * gradient**2) + epsilon
    return (
        weights - (of_mean * first + of_penalty * gradient) / root,
        of_first * first + (1 - of_first) * gradient,
        of_second * second + (1 - of_second) * gradient**2,
    )


class RowWiseAdam(tf_keras.optimizers.legacy.Adam):
    """Adam that leaves large tables to themselves.

    Args:
        learning_rate: constant.
        beta_2: of the mean of squares.
        large: of the tables; each step's rows have caught up before its gradients are computed.
    """

    def __init__(self, learning_rate: float, beta_2: float, large: Sequence[IdEmbedding]):
        rates = AdamRates(learning_rate, beta_2)
        super().__init__(learning_rate, rates.beta_1, rates.beta_2, rates.epsilon)
        self.tables = [LargeTable(ids, rates) for ids in large]

    @property
    def step(self) -> tf.Tensor:
        """How many are done, int32."""
        return tf.cast(self.iterations, tf.int32)

    def catch_up(self, rows: Sequence[tf.Tensor]) -> None:
        """Before a step that needs these rows of each table."""
        for table, needed in zip(self.tables, rows, strict=True):
            table.catch_up(needed, self.step)

    def settle(self) -> None:
        """Before the tables are read as a whole."""
        for table in self.tables:
            table.settle(self.step)

    def apply_gradients(
        self, grads_and_vars: Iterable[tuple[tf.Tensor | tf.IndexedSlices, tf.Variable]], **options: Any
    ) -> Any:
        """Updates the rows of large tables that have a gradient, and all of other variables."""
        of_large = {table.variable.ref(): table for table in self.tables}
        others = []
        for gradient, variable in grads_and_vars:
            if variable.ref() in of_large:
                of_large[variable.ref()].update(gradient, self.step + 1)
            else:
                others.append((gradient, variable))
        # Of no variables Keras does not count a step.
        return super().apply_gradients(others, **options) if others else self.iterations.assign_add(1)
