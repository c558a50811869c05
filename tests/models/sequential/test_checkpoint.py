"""A checkpoint is read back as it was written, or said to be damaged."""

from dataclasses import replace

import numpy as np
import pytest

from movierec_cli.errors import SavedModelError
from movierec_cli.models.sequential import checkpoint
from movierec_cli.models.sequential.checkpoint import Checkpoint
from movierec_cli.registry.record import EpochRecord
from tests.saved_runs import top_k


def a_checkpoint(n: int = 12) -> Checkpoint:
    generator = np.random.default_rng(0)
    record = EpochRecord(epoch=2, train_loss=3.5, elapsed_s=0.1, validation=top_k(0.3), ndcg=0.123456789012)
    return Checkpoint(
        epoch=3,
        step=17,
        training_s=1.25,
        validation_s=0.5,
        history=(record,),
        weights=[generator.normal(size=(2, place + 1)).astype(np.float32) for place in range(n)],
        optimizer=[np.array(3, np.int32), np.array(0.1, np.float32)],
        best=[generator.normal(size=(2, place + 1)).astype(np.float32) for place in range(n)],
    )


def test_what_is_written_is_read(tmp_path):
    written = a_checkpoint()
    checkpoint.save(written, tmp_path / "new" / "folder")
    read = checkpoint.load(tmp_path / "new" / "folder", written)
    assert read is not None
    for name in ("epoch", "step", "training_s", "validation_s", "history"):
        assert getattr(read, name) == getattr(written, name)
    for name in ("weights", "optimizer", "best"):
        ours, theirs = getattr(read, name), getattr(written, name)
        assert [(one.dtype, one.tolist()) for one in ours] == [(one.dtype, one.tolist()) for one in theirs]


def test_a_later_one_takes_its_place_and_leaves_nothing_beside(tmp_path):
    checkpoint.save(a_checkpoint(12), tmp_path)
    checkpoint.save(a_checkpoint(2), tmp_path)
    read = checkpoint.load(tmp_path, a_checkpoint(2))
    assert read is not None and len(read.weights) == 2
    assert len(list(tmp_path.iterdir())) == 1


def test_where_nothing_is_there_is_none(tmp_path):
    assert checkpoint.load(tmp_path / "missing", a_checkpoint()) is None


@pytest.mark.parametrize("keep", [0, 100, 0.5, 0.99])
def test_a_part_of_one_is_damaged_and_the_folder_is_named(tmp_path, keep):
    checkpoint.save(a_checkpoint(), tmp_path)
    (path,) = tmp_path.iterdir()
    content = path.read_bytes()
    path.write_bytes(content[: keep if isinstance(keep, int) else int(keep * len(content))])
    with pytest.raises(SavedModelError, match=str(tmp_path)):
        checkpoint.load(tmp_path, a_checkpoint())


OTHERS = {
    "weights are not those": replace(a_checkpoint(), weights=a_checkpoint().weights[1:]),
    "optimizer are not those": replace(a_checkpoint(), optimizer=[np.array(3, np.int64)]),
    "best are not those": replace(a_checkpoint(), history=()),
    "'progress.epoch' is -1": replace(a_checkpoint(), epoch=-1, history=()),
    "'progress.step' is 2147483648": replace(a_checkpoint(), step=2**31),
    "not that of its epochs": replace(a_checkpoint(), epoch=1),
}


@pytest.mark.parametrize("words", OTHERS)
def test_one_of_another_training_is_damaged(tmp_path, words):
    checkpoint.save(OTHERS[words], tmp_path)
    with pytest.raises(SavedModelError, match=words):
        checkpoint.load(tmp_path, a_checkpoint())


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SavedModelError, match="file/folder"):
        checkpoint.save(a_checkpoint(), tmp_path / "file" / "folder")
