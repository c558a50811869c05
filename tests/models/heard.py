"""What a fit tells while it goes on."""

from dataclasses import dataclass, field

from movierec_cli.models.observer import TrainingObserver
from movierec_cli.registry.record import EpochRecord


@dataclass
class Heard(TrainingObserver):
    """What a training told, and where it is to be killed."""

    kill_after: int = 0  # epochs; 0: never
    resumed_at: list[int] = field(default_factory=list)
    epochs: list[int] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    records: list[EpochRecord] = field(default_factory=list)
    refits: list[int] = field(default_factory=list)

    def resumed(self, epoch: int) -> None:
        self.resumed_at.append(epoch)

    def epoch_ended(self, epoch: int, num_epochs: int, train_loss: float) -> None:
        # By the time the second epoch after it ends, an epoch's checkpoint has been written.
        if self.kill_after and epoch > self.kill_after:
            raise KeyboardInterrupt
        self.epochs.append(epoch)
        self.losses.append(train_loss)

    def learning_rate_used(self, epoch: int, learning_rate: float) -> None:
        self.rates.append(learning_rate)

    def validated(self, record: EpochRecord) -> None:
        self.records.append(record)

    def refit_started(self, num_epochs: int) -> None:
        self.refits.append(num_epochs)
