"""Which options of `train` say something to which model."""

from __future__ import annotations

from dataclasses import fields

from movierec_cli.cli.parsing.task_options import TaskRequest
from movierec_cli.config import SEQUENTIAL, Family, family_checks

TRAINABLE = (Family.TWO_TOWER, *SEQUENTIAL)
"""What `--model` takes."""

_OF_TASKS = {field.name for field in fields(TaskRequest)}


def has_meaning(option: str, family: Family) -> bool:
    """Whether an option, named without its dashes, says something to a model."""
    if option in _OF_TASKS:
        return not family.is_sequential
    return family_checks.has_meaning(option, family)
