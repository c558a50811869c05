"""In how many processes one model is trained, and on what."""

import enum
import re
from functools import partial

from movierec_cli.config.setting import ZERO_OR_MORE, Check, check_settings, setting
from movierec_cli.config.settings import TRAINING_PANEL
from movierec_cli.errors import UsageError
from movierec_cli.records import dataclass

MOST_PROCESSES = 1_024
_setting = partial(setting, panel=TRAINING_PANEL)


def _is_address(text: str) -> bool:
    found = re.fullmatch(r".+:([1-9][0-9]{0,4})", text)
    return found is not None and int(found[1]) < 2**16


class Device(enum.StrEnum):
    """What a model of sequences is trained on and asked with before it is saved."""

    AUTO = "auto"
    """A GPU where JAX finds one."""
    CPU = "cpu"
    GPU = "gpu"


@dataclass(frozen=True, kw_only=True)
class Processes:
    """In how many processes each model is trained, on what, where they meet, and how often one may be lost.

    What a model is does not depend on it; of another kind of device its last digits do.
    """

    n_processes: int = _setting(
        1,
        "Train each sequential model in N processes at once. Each holds the ratings of its own users, and"
        " computes its part of every step.",
        check=Check(f"1 to {MOST_PROCESSES:,}", lambda value: 1 <= value <= MOST_PROCESSES),
        option="processes",
    )
    device: Device = _setting(
        Device.AUTO,
        f"What trains a sequential model: {', '.join(Device)}. auto: a GPU where JAX finds one.",
        "NAME",
    )
    max_failures: int = _setting(
        0,
        "Start the processes of a model up to N times again when one of them is lost. The training goes on"
        " after its last finished epoch.",
        check=ZERO_OR_MORE,
    )
    coordinator: str | None = _setting(
        None,
        "For several machines: start the same command on each, with another --process_id. The processes meet"
        " at this address of the machine of process 0.",
        "HOST:PORT",
        check=Check("HOST:PORT, such as node1:7000", _is_address),
        default_shown="all processes on this machine",
    )
    process_id: int | None = _setting(
        None,
        "Which of the processes this command starts, from 0, where --coordinator is given.",
        check=ZERO_OR_MORE,
        default_shown="all",
    )

    def __post_init__(self) -> None:
        check_settings(self)
        if self.device is not Device.AUTO and self.n_processes > 1:
            raise UsageError(
                f"--device {self.device} is for a model that one process trains, and --processes is"
                f" {self.n_processes}; leave one of them out"
            )
        if (self.coordinator is None) is not (self.process_id is None):
            given, missing = ("process_id", "coordinator")[:: -1 if self.process_id is None else 1]
            raise UsageError(
                f"--{given} needs --{missing}; give both, or neither to start all processes here"
            )
        if self.process_id is not None and self.process_id >= self.n_processes:
            raise UsageError(
                f"--process_id is {self.process_id}; with --processes {self.n_processes} it"
                f" must be 0 to {self.n_processes - 1}"
            )

    @property
    def started_here(self) -> range:
        """The processes that this command starts."""
        if self.process_id is None:
            return range(self.n_processes)
        return range(self.process_id, self.process_id + 1)
