"""What Python programs and notebooks use: the same options, models and sentences as the command line."""

from movierec_cli.api.saved_run import SavedRun as SavedRun
from movierec_cli.api.saved_run import load as load
from movierec_cli.api.study_result import StudyResult as StudyResult
from movierec_cli.api.study_result import compare as compare
from movierec_cli.api.training_call import MovieLensTrainer as MovieLensTrainer
