"""Which options of `train` say something to which model."""

from __future__ import annotations

from dataclasses import fields

from movierec_cli.cli.tasks import AskedTasks
from movierec_cli.config import SEQUENTIAL, Family, ModelConfig, SequenceConfig

TRAINABLE = (Family.TWO_TOWER, *SEQUENTIAL)
"""What `--model` takes."""

_TOWERS, _SEQUENCES = ({field.name for field in fields(part)} for part in (ModelConfig, SequenceConfig))
_ONLY_OF_TOWERS = (_TOWERS - _SEQUENCES) | {field.name for field in fields(AskedTasks)} | {"weighting"}
_SAY_NOTHING = {
    Family.TWO_TOWER: _SEQUENCES - _TOWERS,
    Family.GRU4REC: _ONLY_OF_TOWERS | {"num_heads"},
    Family.SASREC: _ONLY_OF_TOWERS,
}


def has_meaning(option: str, family: Family) -> bool:
    """Whether an option, named without its dashes, says something to a model."""
    return option not in _SAY_NOTHING[family]
