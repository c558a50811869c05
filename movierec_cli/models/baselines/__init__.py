"""What a trained model has to beat. None of them needs TensorFlow."""

from movierec_cli.models.baselines.fitting import BaselineObserver, FittedBaseline, fit_baseline

__all__ = ["BaselineObserver", "FittedBaseline", "fit_baseline"]
