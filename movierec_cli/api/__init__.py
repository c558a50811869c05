"""What Python programs and notebooks use: the same options, models and sentences as the command line.

>>> from movierec_cli import MovieLensTrainer
>>> trainer = MovieLensTrainer(
...     dataset="sample", feature_sets=[None], num_epochs=1, embedding_size=8, layer_sizes=[8],
...     baselines="popularity", saved_models_dir=saved_models_dir,
... )
>>> result = trainer.run()
>>> [run.label for run in result.runs]
['None', 'popularity']
>>> result.best.recommend(user=1, top=3).columns
['user', 'place', 'movie_id', 'title', 'genres', 'score', 'stars', 'is_new']
>>> MovieLensTrainer(dataset="sample", num_epoch=20)
Traceback (most recent call last):
...
movierec_cli.errors.UsageError: No such option: --num_epoch (Possible options: --num_epochs)
"""

from movierec_cli.api.saved_run import SavedRun as SavedRun
from movierec_cli.api.saved_run import load as load
from movierec_cli.api.study_result import StudyResult as StudyResult
from movierec_cli.api.study_result import compare as compare
from movierec_cli.api.training_call import MovieLensTrainer as MovieLensTrainer
from movierec_cli.api.tuning import TuningResult as TuningResult
from movierec_cli.api.tuning import tune as tune
