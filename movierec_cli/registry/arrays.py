"""Named arrays in an uncompressed npz that never holds Python objects."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Arrays = dict[str, npt.NDArray[Any]]

_PLAIN_KINDS = "biufcSU"  # NumPy's kinds that need no pickle and are read back as they were


def pack(arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Writes arrays under any names (`numpy.savez` would take some for its own arguments).

    Raises:
        TypeError: an array holds objects or a type that NumPy cannot read back.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            if array.dtype.kind not in _PLAIN_KINDS:
                raise TypeError(f"array '{name}' has dtype {array.dtype}, which cannot be kept in an npz")
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
    return buffer.getvalue()


def unpack(content: bytes) -> Arrays:
    """Reads what `pack` wrote.

    Raises:
        ValueError: the bytes are no npz, or hold Python objects.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return {info.filename.removesuffix(".npy"): _read(archive, info) for info in archive.infolist()}
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise ValueError(f"not an npz file: {error}") from error


def unpack_as(content: bytes, dtypes: Mapping[str, np.dtype[Any]], file_name: str) -> Arrays:
    """Reads what `pack` wrote of exactly these arrays.

    Raises:
        ValueError: the bytes are no npz, or hold other arrays or other types; names the file.
    """
    arrays = unpack(content)
    if {name: array.dtype for name, array in arrays.items()} != dtypes:
        raise ValueError(f"{file_name} holds {sorted(arrays)}, not {sorted(dtypes)}, or other types")
    return arrays


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> npt.NDArray[Any]:
    with archive.open(info) as member:
        array: npt.NDArray[Any] = np.lib.format.read_array(member, allow_pickle=False)
        return array
