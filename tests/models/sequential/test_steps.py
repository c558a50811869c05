"""One step against jax.grad of the whole batch and the optimizer alone."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

from movierec_cli.config import NO_FEATURES, Family, LossKind, SequenceConfig
from movierec_cli.models.sequential.losses import corrected_in_batch_softmax, in_batch_softmax, popularity
from movierec_cli.models.sequential.model import SequenceModel
from movierec_cli.models.sequential.packed_batches import Batches, Histories, RowMaker, all_segments, windows
from movierec_cli.models.sequential.process_group import ALONE, ProcessGroup, added_in_pairs
from movierec_cli.models.sequential.steps import StepShape, added_as_they_come, compiled_step, step_functions
from movierec_cli.models.two_tower.inputs import BagInput
from tests.models.baseline_data import dataset_of
from tests.models.sequential.rings import SIZES
from tests.models.sequential.threaded_group import in_threads

N_MOVIES, ROWS = 15, 4
GENRES = BagInput.of([[movie % 3] * (movie % 4) for movie in range(N_MOVIES)], 3)
CONFIG = replace(SIZES, dropout=0.0, embedding_size=8, hidden_size=8)
RATE = 0.5
CHANCES = popularity(np.arange(N_MOVIES, dtype=np.int32) // 2, N_MOVIES)


def rows(config: SequenceConfig) -> dict[str, np.ndarray]:
    """A step's rows. Some movies are not to be learned, and the last row is empty."""
    generator = np.random.default_rng(1)
    lengths = generator.integers(2, 9, 12)
    user = np.repeat(np.arange(12), lengths)
    dataset = dataset_of(user, generator.integers(0, N_MOVIES, len(user)), np.arange(len(user)), 12, N_MOVIES)
    histories = Histories.of(dataset, np.arange(len(user)))
    is_target = generator.random(len(user)) < 0.7
    is_target[histories.starts[:-1]] = False
    if config.windows:
        segments = windows(histories, np.flatnonzero(is_target), config.max_length)
    else:
        segments = all_segments(histories, config.max_length)
    maker = RowMaker(histories, is_target, config.max_length)
    columns = next(Batches(maker, segments, ROWS, pack=not config.windows).epoch(generator))
    if not config.windows:
        for column in columns.values():
            column[-1] = 0
    return columns


def model_of(config: SequenceConfig, family: Family = Family.SASREC) -> SequenceModel:
    return SequenceModel(family, config, NO_FEATURES, N_MOVIES, (GENRES,), seed=3)


def stepped(
    model: SequenceModel,
    loss: LossKind,
    shape: StepShape,
    times: int = 1,
    *,
    rate: float = RATE,
    seed: int = 7,
    summed: bool = False,
    devices: int = 1,
    group: ProcessGroup = ALONE,
) -> tuple[list[np.ndarray], np.ndarray]:
    """The weights after a step, or several of the same rows, and the last one's sums."""
    optimizer = keras.optimizers.SGD(rate)
    optimizer.build(model.variables)
    functions = step_functions(model, optimizer, loss, shape, CHANCES, seed, summed)
    step = compiled_step(functions, group, devices)
    state = {
        "weights": [jnp.copy(one) for one in model.weights()],
        "optimizer": [jnp.copy(variable.value) for variable in optimizer.variables],
        "step": jnp.int32(0),
    }
    own = shape.lanes_of_process(group.size) * shape.rows_per_lane
    of_process = slice(own * group.rank, own * (group.rank + 1))
    for _ in range(times):
        state, sums = step(state, {name: one[of_process] for name, one in rows(model.config).items()})
        assert sums.base is None, "what is kept of each step of an epoch must not keep its gradients"
    assert int(state["step"]) == times
    return [np.asarray(one) for one in state["weights"]], np.asarray(sums)


def plain_step(
    model: SequenceModel, loss: LossKind, *, summed: bool = False
) -> tuple[list[np.ndarray], np.ndarray]:
    """By automatic differentiation of the softmax as it is written, and gradient descent as it is written."""
    columns = {name: jnp.asarray(column) for name, column in rows(model.config).items()}
    targets, weights = columns["target"], columns["weight"].astype(jnp.float32)

    def total(values: list[jax.Array]) -> jax.Array:
        history, movies = model.tables(values)
        states = model.states(values, history, columns)
        if loss is LossKind.CATALOGUE:
            chances = jax.nn.log_softmax(states @ movies.T)
            own = jnp.take_along_axis(chances, targets[:, :, None], axis=2)[:, :, 0]
            return -(own * weights).sum()
        scores = states[:, -1] @ movies[targets[:, -1]].T
        if loss is LossKind.IN_BATCH_CORRECTED:
            scores = scores - jnp.log(jnp.asarray(CHANCES))[targets[:, -1]]
            twice = (targets[:, -1:] == targets[None, :, -1]) & ~jnp.eye(len(scores), dtype=bool)
            scores = jnp.where(twice, -1e9, scores)
        return -(jnp.diagonal(jax.nn.log_softmax(scores)) * weights[:, -1]).sum()

    loss_sum, gradients = jax.jit(jax.value_and_grad(total))(model.weights())
    learned = float((weights if loss is LossKind.CATALOGUE else weights[:, -1]).sum())
    after = [
        np.asarray(value) - RATE * np.asarray(gradient) / (1.0 if summed else learned)
        for value, gradient in zip(model.weights(), gradients, strict=True)
    ]
    return after, np.array([float(loss_sum), learned])


def assert_equal(one: list[np.ndarray], other: list[np.ndarray]) -> None:
    for mine, theirs in zip(one, other, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize(("shape", "devices"), [(StepShape(4, 1, 1), 1), (StepShape(1, 2, 2), 2)])
def test_a_step_in_parts_and_on_devices_is_the_plain_step(plain, shape, devices):
    model, (weights, sums) = plain
    found, found_sums = stepped(model, LossKind.CATALOGUE, shape, devices=devices)
    np.testing.assert_allclose(found_sums, sums, rtol=1e-5)
    assert_equal(found, weights)


@pytest.fixture(scope="module")
def plain() -> tuple[SequenceModel, tuple[list[np.ndarray], np.ndarray]]:
    model = model_of(replace(CONFIG, shared_embeddings=False))
    weights, sums = plain_step(model, LossKind.CATALOGUE)
    assert all((value != before).any() for value, before in zip(weights, model.weights(), strict=True))
    return model, (weights, sums)


@pytest.mark.parametrize("loss", [LossKind.IN_BATCH, LossKind.IN_BATCH_CORRECTED])
def test_an_in_batch_step_is_the_plain_step_on_the_whole_batch(loss):
    config, summed = replace(CONFIG, windows=True), loss is LossKind.IN_BATCH
    model = model_of(config, Family.GRU4REC)
    shape = StepShape.of(config, loss, ROWS, model.micro_batch_tokens)
    assert shape.rows == ROWS
    (found, found_sums) = stepped(model, loss, shape, summed=summed)
    (weights, sums) = plain_step(model, loss, summed=summed)
    np.testing.assert_allclose(found_sums, sums, rtol=1e-5)
    assert_equal(found, weights)


@pytest.mark.parametrize("loss", [LossKind.IN_BATCH, LossKind.IN_BATCH_CORRECTED])
def test_rows_that_fill_up_a_step_are_nobody_s_negatives(loss):
    generator = np.random.default_rng(2)
    states, movies = (jnp.asarray(generator.normal(size=(n, 5)), jnp.float32) for n in (8, N_MOVIES))
    targets = jnp.array([3, 5, 3, 7, 0, 0, 0, 0])
    weights = (jnp.arange(8) < 4).astype(jnp.float32)

    def loss_of(n: int) -> jax.Array:
        first = slice(0, n)
        common = (states[first], movies[targets[first]], jnp.arange(n), weights[first])
        if loss is LossKind.IN_BATCH:
            return in_batch_softmax(*common)
        return corrected_in_batch_softmax(*common, targets[first], jnp.asarray(CHANCES)[targets[first]])

    assert float(loss_of(8)) == pytest.approx(float(loss_of(4)), rel=1e-6)


def test_every_step_draws_other_films_and_the_same_ones_again():
    model = model_of(replace(CONFIG, num_negatives=2), Family.GRU4REC)
    # Without a rate the weights stay, and only what is sampled can tell two steps apart.
    first, second, again, other_seed = (
        stepped(model, LossKind.SAMPLED, StepShape(2, 1, 2), times, rate=0.0, seed=seed)[1]
        for times, seed in ((1, 7), (2, 7), (1, 7), (1, 8))
    )
    assert first.tolist() == again.tolist()
    for other in (second, other_seed):
        assert first[1] == other[1] and abs(first[0] - other[0]) > 1e-3


@pytest.mark.parametrize("family", [Family.SASREC, Family.GRU4REC, Family.HSTU])
def test_a_step_has_the_same_bits_on_any_number_of_devices(family):
    """Three steps with dropout and sampled movies, in four lanes, of which one has rows without a movie."""
    model, loss = model_of(replace(CONFIG, dropout=0.3, num_negatives=3), family), LossKind.SAMPLED
    one, two, four = (
        stepped(model, loss, StepShape(1, 1, 4), times=3, devices=devices) for devices in (1, 2, 4)
    )
    for weights, sums in (two, four):
        assert sums.tolist() == one[1].tolist()
        assert all((mine == theirs).all() for mine, theirs in zip(one[0], weights, strict=True))


def test_three_processes_take_the_step_of_one_but_for_rounding():
    """Of four lanes two have two each, and the third has none."""
    model, shape = model_of(replace(CONFIG, dropout=0.3), Family.GRU4REC), StepShape(1, 1, 4)
    weights, sums = stepped(model, LossKind.CATALOGUE, shape)
    for found, found_sums in in_threads(3, lambda one: stepped(model, LossKind.CATALOGUE, shape, group=one)):
        np.testing.assert_allclose(found_sums, sums, rtol=1e-5)
        assert_equal(found, weights)


@pytest.mark.parametrize("number", range(1, 9))
def test_arrays_are_added_in_pairs_of_neighbours_as_they_come_or_at_once(number):
    parts = [np.array([f"{place}"], object) for place in range(number)]

    def halves(first: int, last: int) -> str:
        """Of a power of two: the sum of the sums of both halves."""
        middle = (first + last) // 2
        return f"{first}" if last - first == 1 else f"({halves(first, middle)}{halves(middle, last)})"

    def add(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        return np.array([f"({one[0]}{other[0]})"], object)

    class Written(str):
        def __add__(self, other: str) -> "Written":
            return Written(f"({self}{other})")

    at_once = added_in_pairs([Written(one[0]) for one in parts])
    assert added_as_they_come(iter(parts), add)[0] == at_once
    if number in (1, 2, 4, 8):
        assert at_once == halves(0, number)
    assert [one for one in at_once if one.isdigit()] == [str(place) for place in range(number)]


@pytest.mark.parametrize(
    ("tokens", "part", "expected"),
    [
        (12_800, 800, (4, 2, 8)),
        (6_400, 800, (4, 1, 8)),
        (12_800, 6_400, (32, 1, 2)),
        (6_400, 6_400, (16, 1, 2)),  # less than a micro-batch each, for two cores
        (8_800, 800, (3, 2, 8)),  # 44 rows are 5 or 6 a lane
        (200, 800, (1, 1, 1)),  # one row cannot be shared
        (1, 800, (1, 1, 1)),
        (12_800, 100, (1, 8, 8)),  # a part is a row or more
    ],
)
def test_a_step_has_about_as_many_positions_as_asked(tokens, part, expected):
    shape = StepShape.of(SequenceConfig(), LossKind.CATALOGUE, tokens, part)
    assert (shape.rows_per_micro_batch, shape.micro_batches, shape.lanes) == expected
    assert abs(shape.rows * 200 - tokens) <= 800


def test_losses_that_compare_rows_are_not_shared_out():
    config = SequenceConfig(max_length=10, windows=True)
    shape = StepShape.of(config, LossKind.IN_BATCH, 4096, 800)
    assert (shape.rows_per_micro_batch, shape.micro_batches, shape.lanes) == (4096, 1, 1)
