"""Whole numbers in few bytes: the lowest bytes of all numbers, then the next, then the highest, deflated.

Ranks and rows of movies are small, so that their high bytes are zeros, or the same in long runs: a fifth or
a half of what the plain numbers take, and quickly made. How long the content is once it is unpacked is known
before, so nothing larger is ever made of it.
"""

import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

_LEVEL = 1  # the next ones take twice as long and save a few percent


class Packed:
    """In `Annotated`: the array, of little-endian numbers and named axes, is kept as `packed` gives it."""


def packed(values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """The bytes to keep of an array: [n_bytes]."""
    flat = np.ascontiguousarray(values).astype(values.dtype.newbyteorder("<"), copy=False).ravel()
    by_place = flat.view(np.uint8).reshape(-1, values.dtype.itemsize).T
    return np.frombuffer(zlib.compress(np.ascontiguousarray(by_place).data, _LEVEL), np.uint8)


def unpacked(
    content: npt.NDArray[np.uint8], dtype: np.dtype[Any], shape: tuple[int, ...]
) -> npt.NDArray[Any]:
    """The array again.

    Raises:
        ValueError: it is not that of an array of this type and shape.
    """
    size = int(np.prod(shape, dtype=np.int64))
    n_bytes = size * dtype.itemsize
    reader = zlib.decompressobj()
    try:
        plain = reader.decompress(content.tobytes(), n_bytes + 1)
    except zlib.error as error:
        raise ValueError(f"what is packed is damaged: {error}") from error
    if len(plain) != n_bytes or not reader.eof or reader.unused_data:
        raise ValueError(f"other than {n_bytes:,} bytes of {dtype} of shape {shape} are packed")
    by_place = np.frombuffer(plain, np.uint8).reshape(dtype.itemsize, size)
    values: npt.NDArray[Any] = np.ascontiguousarray(by_place.T).view(dtype.newbyteorder("<"))
    return values.reshape(shape).astype(dtype, copy=False)
