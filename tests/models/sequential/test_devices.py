"""What a training computes on and in which products, as far as it can be told without a GPU."""

from collections.abc import Iterator
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from movierec_cli.config import (
    NO_FEATURES,
    Family,
    LossKind,
    Precision,
    SplitConfig,
    SplitKind,
    TrainerConfig,
    TrainingConfig,
)
from movierec_cli.config.processes import Device, Processes
from movierec_cli.errors import MovierecError
from movierec_cli.experiment.trainer import common_config
from movierec_cli.models.sequential import engine
from movierec_cli.models.sequential.model import SequenceModel
from movierec_cli.models.sequential.sequence_fitting import make_optimizer
from movierec_cli.models.sequential.sequence_training import fit_run
from movierec_cli.models.sequential.steps import StepShape, step_functions
from movierec_cli.models.trained import Fitting
from movierec_cli.registry.record import DataIdentity, run_name
from tests.models.heard import Heard
from tests.models.sequential.rings import COLUMNS, N_FILMS, SIZES, ring_config, ring_dataset

TRAINING = TrainingConfig(num_epochs=1, loss=LossKind.CATALOGUE)


@pytest.fixture
def with_gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """JAX says that it has one."""
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    yield
    jax.config.update("jax_default_device", None)


def test_a_gpu_is_refused_where_there_is_none_and_the_extra_is_named(tmp_path) -> None:
    dataset, config = ring_dataset(), ring_config(Family.GRU4REC)
    asked = Processes(device=Device.GPU)
    with pytest.raises(MovierecError, match=r"--device gpu: JAX finds no GPU here.*movierec\[cuda\]"):
        fit_run(Fitting(dataset, None, config, Heard(), tmp_path, processes=asked))
    for device in (Device.CPU, Device.AUTO):
        engine.choose_device(device)
        assert not engine.is_accelerated()


@pytest.mark.usefixtures("with_gpu")
def test_a_gpu_is_taken_unless_it_is_to_be_left_alone() -> None:
    for device in (Device.AUTO, Device.GPU):
        engine.choose_device(device)
        assert engine.is_accelerated()
    engine.choose_device(Device.CPU)
    assert not engine.is_accelerated() and {one.platform for one in engine.own_devices()} == {"cpu"}
    assert (jnp.ones(3) + 1).devices() == {jax.local_devices(backend="cpu")[0]}
    engine.choose_device(Device.AUTO)
    assert engine.is_accelerated()


def products(precision: Precision | None, loss: LossKind = LossKind.CATALOGUE) -> tuple[int, str]:
    """How many products a step has, and the program that says how each is computed."""
    config = replace(SIZES, precision=precision)
    model = SequenceModel(Family.SASREC, config, NO_FEATURES, N_FILMS + 1)
    optimizer = make_optimizer(config, TRAINING, 1)
    optimizer.build(model.variables)
    chances = np.ones(N_FILMS + 1, np.float32)
    functions = step_functions(model, optimizer, loss, StepShape(2, 1, 1), chances, seed=1)
    rows = {name: jnp.zeros((2, SIZES.max_length), jnp.int32) for name in COLUMNS}
    parts = functions.parts(model.weights())
    program = str(jax.make_jaxpr(functions.of_lane)(parts, jnp.int32(0), jnp.uint32(0), rows))
    return program.count("dot_general["), program


@pytest.mark.usefixtures("with_gpu")
@pytest.mark.parametrize("loss", [LossKind.CATALOGUE, LossKind.SAMPLED])
def test_every_product_of_a_step_on_a_gpu_is_of_bfloat16_summed_in_float32_unless_asked(
    loss: LossKind,
) -> None:
    for precision in (None, Precision.BFLOAT16):
        n_products, program = products(precision, loss)
        assert n_products > 10 and program.count("BF16_BF16_F32") == n_products
        assert ":bf16" not in program  # what lies between the products is not rounded
    n_products, program = products(Precision.FLOAT32, loss)
    assert (
        "BF16" not in program
        and program.count("precision=(Precision.HIGHEST, Precision.HIGHEST)") >= n_products > 10
    )


def test_products_on_cpus_are_of_float32_and_less_is_refused_by_those_that_have_not() -> None:
    for precision in (None, Precision.FLOAT32):
        assert "bf16" not in products(precision)[1].lower() and "HIGHEST" not in products(precision)[1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "has_bfloat16", lambda: False)
        with pytest.raises(
            MovierecError, match="--precision bfloat16 needs a GPU, or a CPU that multiplies it"
        ):
            products(Precision.BFLOAT16)


@pytest.mark.parametrize("loss", [LossKind.CATALOGUE, LossKind.SAMPLED])
def test_a_softmax_s_three_products_are_of_bfloat16_on_a_cpu_that_has_it(
    loss: LossKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "has_bfloat16", lambda: True)
    _, program = products(Precision.BFLOAT16, loss)
    assert program.count("new_dtype=bfloat16") == 4, "movies, states, powers, and states by their sums"
    assert program.count("preferred_element_type=float32") >= 3


def test_the_precision_is_a_part_of_what_a_run_is_and_the_device_is_not() -> None:
    identity = DataIdentity.of(ring_dataset())
    split = SplitConfig(kind=SplitKind.LEAVE_LAST)

    def name(precision: Precision | None = None, device: Device = Device.AUTO) -> str:
        asked = TrainerConfig(
            family=Family.SASREC,
            split=split,
            model=replace(SIZES, precision=precision),
            processes=Processes(device=device),
        )
        return run_name(common_config(asked, split), identity)

    assert name() == name(device=Device.CPU) == name(device=Device.GPU)
    assert len({name(), *map(name, Precision)}) == 3
