"""Vectors of items that any pretrained model made, from files of one's own."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from movierec_cli.data import limits
from movierec_cli.data.dataset import UNKNOWN_ROW, Dataset, IdIndex, Ids
from movierec_cli.data.own_columns import OwnColumn
from movierec_cli.data.reader.archive import open_archive
from movierec_cli.data.reader.column_kinds import own_name
from movierec_cli.data.reader.formats import parquet_frame
from movierec_cli.data.reader.item_tables import alike, typed_ids
from movierec_cli.errors import DataError
from movierec_cli.text import counted

_NO_NPZ = (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, LookupError, MemoryError)
_Vectors = npt.NDArray[np.float64]


def with_vectors(dataset: Dataset, files: Sequence[Path]) -> Dataset:
    """The data set with a column of vectors for each file, which is called after it.

    An item that a file lacks has no vector; ids that are no item's are left out and counted.

    Args:
        dataset: whose items they are of. Its fingerprint becomes that of it and of the files.
        files: .npz with an array of ids, [n], and one of vectors, [n, width]; or .parquet with a column of
            ids and one of lists.

    Raises:
        DataError: a file cannot be read, holds something else, or has vectors of no item.
    """
    names = set(dataset.own)
    columns, notes, digest = [], [], hashlib.sha256(dataset.fingerprint.encode())
    for file in files:
        ids, vectors = _read(file)
        name = own_name(file.stem, "item", names)
        column, note = _column(dataset, name, ids, vectors, file)
        columns.append(column)
        notes.append(note)
        digest.update(f"{name} {vectors.shape} {list(ids)}".encode() + vectors.astype("<f8").tobytes())
    return replace(
        dataset,
        movies=replace(dataset.movies, own=(*dataset.movies.own, *columns)),
        fingerprint=digest.hexdigest(),
        notes=(*dataset.notes, *notes),
        reading=replace(dataset.reading, item_vectors=tuple(files)),
    )


def _column(dataset: Dataset, name: str, ids: Ids, vectors: _Vectors, file: Path) -> tuple[OwnColumn, str]:
    """The vectors of the data set's items, and a sentence on how many have one."""
    movies, noun = dataset.movies, dataset.noun
    given, own = alike(ids, movies.movie_id)
    codes = IdIndex(given).rows(own)
    n_known = int((codes != UNKNOWN_ROW).sum())
    if n_known == 0:
        raise DataError(
            f"has vectors of {counted(len(ids), 'id')} such as {ids[0]}, and none is the id of"
            f" {'an' if noun == 'item' else 'a'} {noun}, such as {own[0]}",
            file=file,
        )
    n_others = len(ids) - n_known
    others = f"; {counted(n_others, 'vector')} of other ids left out" if n_others else ""
    n_of_all = f"{n_known:,} of {counted(len(movies), noun)}"
    note = f"{file}: {name} has {vectors.shape[1]:,} numbers of {n_of_all}{others}"
    return OwnColumn(name, "vector", codes, numbers=vectors), note


def _read(file: Path) -> tuple[Ids, _Vectors]:
    ids, vectors = _of_parquet(file) if file.suffix == ".parquet" else _of_npz(file)
    if len(ids) != len(vectors) or vectors.shape[1] == 0 or len(ids) == 0:
        raise DataError(f"has {len(ids):,} ids and vectors of shape {vectors.shape}", file=file)
    if not np.isfinite(vectors).all():
        raise DataError(
            f"the vector of {ids[int((~np.isfinite(vectors)).any(axis=1).argmax())]} holds what is no finite"
            " number; leave that row out",
            file=file,
        )
    typed = typed_ids([str(one) for one in ids.tolist()])
    different, first, n_each = np.unique(typed, return_index=True, return_counts=True)
    if len(different) < len(typed):
        raise DataError(f"has {n_each.max():,} vectors of {different[n_each.argmax()]}; keep one", file=file)
    return typed[first], vectors[first].astype(np.float64)


def _of_npz(file: Path) -> tuple[npt.NDArray[np.generic], _Vectors]:
    """The one array with one axis and the one with two."""
    try:
        with zipfile.ZipFile(file) as archive:
            limits.UNPACKED_BYTES.check(sum(one.file_size for one in archive.infolist()), file=file)
        with np.load(file, allow_pickle=False) as opened:
            arrays = {name: opened[name] for name in opened.files}
    except _NO_NPZ as error:
        raise DataError(f"cannot be read as .npz ({error}); give .npz or .parquet", file=file) from error
    ids = [one for one in arrays.values() if one.ndim == 1]
    vectors = [one for one in arrays.values() if one.ndim == 2 and one.dtype.kind in "fiu"]
    if len(ids) != 1 or len(vectors) != 1:
        shapes = ", ".join(f"{name} {one.shape} {one.dtype}" for name, one in arrays.items())
        raise DataError(
            f"needs one array of ids and one of vectors, a row for each id; it holds {shapes or 'nothing'}",
            file=file,
        )
    return ids[0], vectors[0]


def _of_parquet(file: Path) -> tuple[npt.NDArray[np.generic], _Vectors]:
    """The one column of lists or arrays of numbers, and the first other one."""
    archive = open_archive(file)
    frame = parquet_frame(archive, archive.names[0])
    nested = [name for name, dtype in frame.schema.items() if dtype.is_nested()]
    plain = [name for name in frame.columns if name not in nested]
    if len(nested) != 1 or not plain:
        raise DataError(
            f"needs a column of ids and one of lists of numbers; its columns are {', '.join(frame.columns)}",
            file=file,
        )
    frame = frame.drop_nulls([plain[0], nested[0]])
    try:
        vectors = np.array(frame[nested[0]].to_list(), np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{nested[0]} holds lists of different lengths, or no numbers", file=file) from error
    return frame[plain[0]].cast(str).to_numpy(), vectors.reshape(len(frame), -1)
