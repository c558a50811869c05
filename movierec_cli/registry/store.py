"""The saved models: one folder a run, found by configuration and data, and used only after it is checked."""

from __future__ import annotations

import difflib
import shlex
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from movierec_cli.config import TowerConfig
from movierec_cli.config.families import Scoring
from movierec_cli.data.duplicates import Duplicates, duplicates_of
from movierec_cli.errors import MovierecError, SavedModelError, problems_named
from movierec_cli.files.atomic import recover, remove_folder, replaced_in, written_folder
from movierec_cli.records import dataclass
from movierec_cli.registry.manifest import (
    RECORD_FILE,
    manifest_bytes,
    open_part,
    read_manifest,
    settled,
)
from movierec_cli.registry.record import DataIdentity, RunConfig, RunRecord, run_name
from movierec_cli.registry.run_parts import PARTS, RunParts, UserRatings, files_of, weights_of
from movierec_cli.registry.sharing import write_or_share
from movierec_cli.scoring.held_sums import held
from movierec_cli.scoring.item_scorer import DotProducts, ItemScorer, ItemSums, ProductsAndSums
from movierec_cli.scoring.item_weights import WeightsInFile, WeightsInMemory
from movierec_cli.storage import codec, npz

if TYPE_CHECKING:
    from movierec_cli.data.dataset import Movies
    from movierec_cli.evaluation.outcome import Outcome
    from movierec_cli.evaluation.ratings import RatingOutcome
    from movierec_cli.registry.run_parts import RunArtifacts
    from movierec_cli.scoring.item_weights import Histories, ItemWeights, Weights, WeightsOf
    from movierec_cli.scoring.rating_head import RatingHead
    from movierec_cli.scoring.towers import Towers

T = TypeVar("T")


class _Lazy(Generic[T]):
    """A part of a run, read and checked when it is first used, then kept in the run's `__dict__`."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, run: Run, owner: type | None = None) -> T:
        part = PARTS[self._name]

        def build(file: IO[bytes]) -> T:
            others = open_part(run.folder, part.shared_file, npz.read) if part.shared_file else {}
            try:
                value: T = codec.from_file(
                    part.kind, file, part.file_name, sizes=run.record.sizes, others=others
                )
                part.check(value, run)
            except ValueError as error:
                both = f" (read with {part.shared_file})" if part.shared_file else ""
                raise ValueError(f"{error}{both}") from error
            return value

        run.__dict__[self._name] = value = open_part(run.folder, part.file_name, build)
        return value


@dataclass(frozen=True)
class Run:
    """A saved model: its record, and its parts, each read and checked when it is first used.

    Raises:
        SavedModelError: (of a part) its file is missing or is not what was written, or the model has none;
            `RunParts` says which models have it.
    """

    record: RunRecord
    folder: Path

    artifacts: ClassVar[_Lazy[RunArtifacts]] = _Lazy()
    """The trained arrays."""
    catalogue: ClassVar[_Lazy[Movies]] = _Lazy()
    """The movies in the order of the arrays."""
    user_ratings: ClassVar[_Lazy[UserRatings]] = _Lazy()
    """What the users rated."""
    towers: ClassVar[_Lazy[Towers]] = _Lazy()
    """What makes the embeddings of a model of two towers."""
    histories: ClassVar[_Lazy[Histories]] = _Lazy()
    """The users' training movies, of a model of weights from movie to movie."""
    item_weights: ClassVar[_Lazy[ItemWeights]] = _Lazy()
    """All of its weights; `scorer` reads those that it needs."""
    outcome: ClassVar[_Lazy[Outcome]] = _Lazy()
    """How the model ranked the test set."""
    rating_outcome: ClassVar[_Lazy[RatingOutcome]] = _Lazy()
    """What the model predicted of the test ratings."""
    rating_head: ClassVar[_Lazy[RatingHead]] = _Lazy()
    """What predicts ratings."""

    @property
    def has_item_weights(self) -> bool:
        """Whether it is of a model of weights from movie to movie."""
        return self.record.config.family.has_item_weights

    def parts(self) -> RunParts:
        """All that it has."""
        config = self.record.config
        names = (name for name, part in PARTS.items() if part.is_in(config.family, deployed=config.deployed))
        return RunParts(**{name: getattr(self, name) for name in names})

    @cached_property
    def weights(self) -> dict[str, npt.NDArray[Any]]:
        """Of a trained model, by variable, enough to rebuild it."""
        return weights_of(self)

    @cached_property
    def scorer(self) -> ItemScorer:
        """What scores movies."""
        artifacts, family = self.artifacts, self.record.config.family
        model = self.record.config.model
        has_bias = isinstance(model, TowerConfig) and model.item_bias
        arrays = artifacts.user_embeddings, artifacts.movie_embeddings, artifacts.popularity
        products = DotProducts(*arrays, has_bias)
        if not family.has_item_weights:
            return products
        is_regression = family.spec.scoring is not Scoring.ITEM_WEIGHTS
        strength = self.record.settings.get("strength") or 1.0  # of 0, weights are zeros
        sums = ItemSums(self.histories, artifacts.popularity, _WeightsOfRun(self), is_regression, strength)
        return ProductsAndSums(products, sums) if family.is_trained else sums

    def hold(self) -> None:
        """Reads all that answers need, for who answers many: the weights of movies with their square.

        Raises:
            SavedModelError: the run is damaged.
        """
        if self.has_item_weights:
            _ = self.item_weights
            scorer = held(self.scorer)
            if scorer is not self.scorer:
                del self.__dict__["item_weights"]  # which the scorer holds now
            self.__dict__["scorer"] = scorer
        for name in ("artifacts", "catalogue", "user_ratings", "duplicates", "is_new"):
            getattr(self, name)
        if self.record.config.family.is_trained and not self.record.config.family.is_sequential:
            _ = self.towers
        if self.record.config.family.is_trained and self.record.config.family.rates:
            _ = self.rating_head

    def ratings_of(self, user: int) -> UserRatings:
        """What the user at a row rated, as those of the only user.

        Only that is read for the first user asked for: a command asks for one.
        """
        alone = self._ratings_alone
        if user not in alone:
            if alone or "user_ratings" in self.__dict__:
                return self.user_ratings.only(user)
            alone[user] = self._from_ratings(lambda file: UserRatings.read_one(file, user, self.record.sizes))
        return alone[user]

    @cached_property
    def popularity(self) -> npt.NDArray[np.int64]:
        """How often each movie was rated: [n_movies]."""
        known = self.__dict__.get("user_ratings") or next(iter(self._ratings_alone.values()), None)
        if known is not None:
            return known.popularity
        return self._from_ratings(lambda file: UserRatings.read_popularity(file, self.record.sizes))

    @cached_property
    def _ratings_alone(self) -> dict[int, UserRatings]:
        return {}

    def _from_ratings(self, use: Callable[[IO[bytes]], T]) -> T:
        return open_part(self.folder, PARTS["user_ratings"].file_name, use)

    @cached_property
    def is_new(self) -> npt.NDArray[np.bool_]:
        """Which movies nobody has rated: [n_movies]."""
        is_new: npt.NDArray[np.bool_] = self.popularity == 0
        return is_new

    @property
    def tells_new_movies(self) -> bool:
        """Whether a movie that nobody has rated is told from its content."""
        family = self.record.config.family
        has_towers = family.is_trained and not family.is_sequential
        return has_towers and self.towers.movie.has_features

    @cached_property
    def duplicates(self) -> Duplicates:
        """Which of the movies are the same."""
        return duplicates_of(self.catalogue)

    @cached_property
    def size_bytes(self) -> int:
        """The size of all the run's files; of those that runs share, its part."""
        files = (file.lstat() for file in self.folder.iterdir())
        return sum(file.st_size // max(file.st_nlink, 1) for file in files)


@dataclass(frozen=True)
class _WeightsOfRun:
    """Of a saved run: read when they are needed, unless all are read already."""

    run: Run

    def of(self, movies: Sequence[int]) -> Sequence[WeightsOf]:
        return self._use(lambda weights: weights.of(movies))

    def product(self, users: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return self._use(lambda weights: weights.product(users))

    def _use(self, ask: Callable[[Weights], T]) -> T:
        known = self.run.histories
        if "item_weights" in self.run.__dict__:
            return ask(WeightsInMemory(known, self.run.item_weights))
        file_name = PARTS["item_weights"].file_name
        return open_part(self.run.folder, file_name, lambda file: ask(WeightsInFile(known, file)))


@dataclass(frozen=True)
class Problem:
    """A folder among the saved models that is not a usable run."""

    folder: Path
    message: str


@dataclass(frozen=True)
class RunFiles:
    """A run as the bytes of its folder, which another process may have made."""

    record: RunRecord
    files: dict[str, bytes]  # by name, the record's included

    @classmethod
    def of(cls, record: RunRecord, parts: RunParts) -> RunFiles:
        """Of a record and all that its run has.

        Raises:
            MovierecError: a part holds what cannot be used, such as the infinite numbers of a diverged
                training.
            ValueError: the record's name is not the one its configuration and data give, or a part is missing
                or too many for its family.
        """
        expected = run_name(record.config, record.data)
        if record.name != expected:
            raise ValueError(f"the record is named '{record.name}', but its configuration gives '{expected}'")
        try:
            files = parts.contents(record.sizes)
        except ValueError as error:
            raise MovierecError(
                f"{record.name} cannot be saved: {error}; if the training diverged, try a lower"
                " --learning_rate"
            ) from error
        if set(files) != files_of(record.config.family, deployed=record.config.deployed):
            raise ValueError(f"a run of family {record.config.family} has other files than {sorted(files)}")
        files[RECORD_FILE] = manifest_bytes(record, files)
        return cls(record, files)


def save_run(directory: Path, record: RunRecord, parts: RunParts) -> Run:
    """Writes a run; see `install_run` and `RunFiles.of`, whose errors it raises."""
    return install_run(directory, RunFiles.of(record, parts))


def install_run(directory: Path, made: RunFiles) -> Run:
    """Writes a run's folder, replacing a complete one of the same name only once the new one is complete.

    A folder of that name that is no usable run is kept, as "<name>.damaged-<token>".

    Raises:
        SavedModelError: the folder cannot be written.
    """
    target = directory / made.record.name
    problem = f"{target} cannot be written"
    with problems_named(problem, SavedModelError), written_folder(target, _is_run) as folder:
        folder.mkdir()
        for name, content in made.files.items():
            write_or_share(folder / name, content, directory)
    return Run(made.record, target)


def require_room(directory: Path, n_bytes: int) -> None:
    """Finds out before a training whether its models, which take so many bytes at least, can be saved.

    The directory is made if need be.

    Raises:
        SavedModelError: nothing can be written there, or there is less room.
    """
    advice = "name another folder with --saved_models_dir"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            free = shutil.disk_usage(directory).free
    except OSError as error:
        raise SavedModelError(
            f"models cannot be saved in {directory}: {error.strerror or error}; {advice}"
        ) from error
    if free < n_bytes:
        raise SavedModelError(
            f"models cannot be saved in {directory}: they take {n_bytes / 1e6:,.1f} MB or more, and"
            f" {free / 1e6:,.1f} MB are free; {advice}"
        )


def install_or_keep(directory: Path, made: RunFiles) -> Run:
    """Installs a run; where that fails, keeps what was trained in another folder.

    Raises:
        SavedModelError: `directory` cannot be written; names the other folder and how to install the run.
    """
    try:
        return install_run(directory, made)
    except SavedModelError as error:
        kept = _kept_elsewhere(made)
        if kept is None:
            raise
        target = shlex.quote(str(directory.absolute() / made.record.name))
        raise SavedModelError(
            f"{error}. The model is kept in {kept}; when {directory} can be written, install it with:"
            f" mv {shlex.quote(str(kept))} {target}"
        ) from error


def _kept_elsewhere(made: RunFiles) -> Path | None:
    """The folder of a run beside the user's data, else among temporary files; None where neither can be."""
    from platformdirs import user_data_path

    for place in (user_data_path("movierec", appauthor=False), Path(tempfile.gettempdir(), "movierec")):
        try:
            return install_run(place / "unsaved_models", made).folder
        except SavedModelError:
            continue
    return None


def find_run(directory: Path, config: RunConfig, data: DataIdentity) -> Run | None:
    """The saved run of this configuration and data, or None.

    Raises:
        SavedModelError: a folder has the run's name but is damaged or foreign.
    """
    folder = directory / run_name(config, data)
    if folder.name not in _names(directory):
        return None
    try:
        return load_run(folder)
    except SavedModelError as error:
        raise SavedModelError(
            f"{error}\nDelete the folder, or train again with --retrain, which keeps this folder aside."
        ) from error


def load_run(folder: Path) -> Run:
    """Reads a run's record; its parts are read when they are first used.

    Raises:
        SavedModelError: the folder is damaged or was not written by this program.
    """
    return Run(settled(read_manifest, folder).record, folder)


def list_runs(directory: Path) -> tuple[list[Run], list[Problem]]:
    """All runs by name, and every folder that is not one. Files beside the folders are ignored.

    Raises:
        SavedModelError: `directory` cannot be read.
    """
    runs: list[Run] = []
    problems: list[Problem] = []
    for name in _names(directory):
        try:
            runs.append(load_run(directory / name))
        except SavedModelError as error:
            message = str(error).encode("utf-8", "backslashreplace").decode()  # a name may be no text
            problems.append(Problem(directory / name, message))
    return runs, problems


def find_named(directory: Path, name: str) -> Run:
    """The run whose name is `name`, with its checksum or without, or alone begins with it.

    Raises:
        SavedModelError: there is none or more than one, or its folder is damaged or foreign.
    """
    names = _names(directory)
    matches = [known for known in names if name and known.startswith(name)]
    whole = [known for known in matches if name in (known, known.rpartition("-")[0])]
    matches = whole if len(whole) == 1 else matches
    if len(matches) > 1:
        raise SavedModelError(f"'{name}' begins the names of {len(matches)} models: {', '.join(matches)}")
    if not matches:
        raise _unknown(directory, name, names)
    return load_run(directory / matches[0])


def remove_run(directory: Path, name: str) -> None:
    """Deletes one run.

    Raises:
        SavedModelError: no run has that name, or its folder is damaged or foreign.
    """
    known = _names(directory)
    if name not in known:
        raise _unknown(directory, name, known)
    folder = directory / name
    if not _is_run(folder):
        raise SavedModelError(
            f"{folder} is not a usable saved model, so it is left alone; delete it yourself"
        )
    with problems_named(f"{folder} cannot be removed", SavedModelError):
        remove_folder(folder)


def _unknown(directory: Path, name: str, known: Iterable[str]) -> SavedModelError:
    names = list(known)
    listed = ", ".join(names)
    rest = f"there are: {listed}" if listed else "there are none"
    if meant := _meant(name, names):
        rest = f"did you mean {meant}? {rest[:1].upper()}{rest[1:]}"
    return SavedModelError(f"there is no saved model '{name}' in {directory}; {rest}")


def _meant(name: str, known: Sequence[str]) -> str:
    """The name most like another, with or without what tells settings apart at its end; "" for none."""
    of_stems = {one.rpartition("-")[0]: one for one in reversed(known)} | {one: one for one in known}
    alike = difflib.get_close_matches(name, list(of_stems), n=1)
    return of_stems[alike[0]] if alike else ""


def _names(directory: Path) -> list[str]:
    """Of the folders, one that another process is replacing at this moment included."""
    recover(directory)
    with problems_named(f"{directory} cannot be read", SavedModelError):
        folders = list(directory.iterdir()) if directory.is_dir() else []
        names = {path.name for path in folders if not path.name.startswith(".") and path.is_dir()}
    return sorted(names | replaced_in(folders))


def _is_run(folder: Path) -> bool:
    try:
        load_run(folder)
    except SavedModelError:
        return False
    return not folder.is_symlink()
