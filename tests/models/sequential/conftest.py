"""Keras on JAX with four devices or more, whatever the machine has, and models that several files ask."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable

import pytest

from movierec_cli.config import Family
from movierec_cli.models.sequential import engine

DEVICES = max(4, engine.n_devices())

# Compiling is nearly all that these tests do: it need not be done well, nor twice.
_QUICKLY = (
    "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
    " --xla_cpu_use_fusion_emitters=false"
)
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {_QUICKLY}".strip()
with pytest.MonkeyPatch.context() as _patch:
    _patch.setattr(engine, "n_devices", lambda: DEVICES)
    engine.start_keras()

import jax  # noqa: E402

from tests.models.sequential.rings import Trained, trained  # noqa: E402

_COMPILED = tempfile.mkdtemp(prefix="movierec-compiled-")
atexit.register(shutil.rmtree, _COMPILED, ignore_errors=True)
jax.config.update("jax_compilation_cache_dir", _COMPILED)
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


@pytest.fixture
def compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that are started have the same cache of what was compiled."""
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", _COMPILED)
    monkeypatch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.2")
    monkeypatch.setenv("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")


@pytest.fixture(scope="session")
def trained_ring(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Family], Trained]:
    """trained_ring(family) is the family's model of a ring of movies, trained once."""
    done: dict[Family, Trained] = {}

    def of(family: Family) -> Trained:
        if family not in done:
            done[family] = trained(family, tmp_path_factory.mktemp(family.value))
        return done[family]

    return of
