"""Whole numbers in few bytes: the same when they are read, and never more than is said."""

import zlib

import numpy as np
import pytest

from movierec_cli.storage.packing import packed, unpacked


@pytest.mark.parametrize("shape", [(0,), (1,), (1000,), (7, 100)])
@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint8])
def test_numbers_are_the_same_again(shape: tuple[int, ...], dtype: type) -> None:
    values = np.random.default_rng(0).integers(0, 100, shape).astype(dtype)
    values.flat[: 1 if values.size else 0] = np.iinfo(dtype).max
    again = unpacked(packed(values), values.dtype, shape)
    np.testing.assert_array_equal(again, values, strict=True)


def test_negative_numbers_and_arrays_by_column_are_kept() -> None:
    values = np.arange(-50, 50, dtype=np.int32).reshape(20, 5).T
    np.testing.assert_array_equal(unpacked(packed(values), values.dtype, values.shape), values)


def test_small_numbers_take_about_the_bytes_that_they_need() -> None:
    ranks = np.random.default_rng(0).integers(0, 256, 100_000).astype(np.int32)
    assert len(packed(ranks)) < 1.05 * len(ranks)


@pytest.mark.parametrize("shape", [(999,), (1001,), (10**12,)])
def test_another_length_than_is_known_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="other than"):
        unpacked(packed(np.zeros(1000, np.int32)), np.dtype(np.int32), shape)


def test_a_content_that_unpacks_to_a_thousand_times_its_size_is_not_unpacked() -> None:
    bomb = np.frombuffer(zlib.compress(bytes(1 << 28)), np.uint8)
    with pytest.raises(ValueError, match="other than 40 bytes"):
        unpacked(bomb, np.dtype(np.int32), (10,))


def test_damaged_bytes_are_refused() -> None:
    content = packed(np.arange(1000, dtype=np.int32)).copy()
    content[len(content) // 2] ^= 255
    with pytest.raises(ValueError, match="packed"):
        unpacked(content, np.dtype(np.int32), (1000,))
