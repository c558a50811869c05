"""Uncompressed npz files of plain arrays: written alike for equal content, read without trusting a header."""

import io
import math
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from movierec_cli.records import dataclass

Arrays = dict[str, npt.NDArray[Any]]

_NO_TEXTS: Mapping[str, str] = {}
_PLAIN_KINDS = "biufcSU"  # NumPy's kinds that need no pickle and are read back as they were
_MAGIC = re.compile(rb"\x93NUMPY\x01\x00(?P<length>..)", re.DOTALL)
_HEADER = re.compile(  # as NumPy writes it; parsed by nothing that evaluates
    r"\{'descr': '(?P<dtype>[<|][biuf][1248])', 'fortran_order': (?P<by_column>True|False),"
    r" 'shape': \((?P<shape>(?:\d{1,18}, ?){0,31}(?:\d{1,18})?)\), \} *\n"
)
_CHUNK_BYTES = 1 << 20
_N_BEFORE_NAME = 26  # bytes of a member's own header, before the lengths of its name and what else there is
_NO_NPZ = (
    zipfile.BadZipFile,
    EOFError,
    NotImplementedError,
    RuntimeError,  # an encrypted member
    struct.error,
    OSError,
    OverflowError,
    LookupError,
)


def pack(arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """What `write` writes, as bytes."""
    buffer = io.BytesIO()
    write(buffer, arrays)
    return buffer.getvalue()


def write(
    file: IO[bytes],
    arrays: Mapping[str, npt.NDArray[Any]],
    texts: Mapping[str, str] = _NO_TEXTS,
    *,
    compressed: bool = False,
) -> None:
    """Writes arrays under any names (`numpy.savez` would take some for its own arguments).

    Equal content makes equal files. `numpy.load` gives texts, by file name, as bytes.

    Raises:
        TypeError: an array holds objects or a type that NumPy cannot read back.
    """
    kind = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with zipfile.ZipFile(file, "w") as archive:
        for name, text in texts.items():
            archive.writestr(zipfile.ZipInfo(name), text.encode("utf-8", "replace"), kind)
        for name, array in arrays.items():
            if array.dtype.kind not in _PLAIN_KINDS:
                raise TypeError(f"array '{name}' has dtype {array.dtype}, which cannot be kept in an npz")
            info = zipfile.ZipInfo(f"{name}.npy")
            info.compress_type = kind
            with archive.open(info, "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def read(file: IO[bytes], part: str = "") -> Arrays:
    """The arrays of numbers in an npz, or those whose names begin with a part's.

    A header that does not describe exactly the bytes of its array is refused before anything is allocated.

    Raises:
        ValueError: the file is no uncompressed npz of numbers.
    """
    arrays: Arrays = {}
    try:
        with zipfile.ZipFile(file) as archive:
            for info in archive.infolist():
                name = info.filename.removesuffix(".npy")
                if is_inside(name, part):
                    if name in arrays:
                        raise ValueError(f"{name} is there twice")
                    with archive.open(info) as member:
                        arrays[name] = _array(member, info, name)
    except _NO_NPZ as error:
        raise ValueError(f"not an npz file: {error}") from error
    return arrays


def table_of_contents(file: IO[bytes]) -> bytes:
    """What stands behind the arrays of an npz: of each its name, its place and its CRC-32.

    Raises:
        ValueError: the file is no npz.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            file.seek(archive.start_dir)
            return file.read()
    except _NO_NPZ as error:
        raise ValueError(f"not an npz file: {error}") from error


def is_inside(name: str, part: str) -> bool:
    """Whether a name is that of a part, or of something in it."""
    return not part or name == part or name.startswith(f"{part}/")


def read_slices(file: IO[bytes], name: str, slices: Sequence[slice]) -> list[npt.NDArray[Any]]:
    """Slices of a vector in an npz, of which nothing else is read: neither is its checksum compared.

    Args:
        file: of the npz.
        name: of the array.
        slices: from a start to a stop, both from 0.

    Raises:
        ValueError: the file is no uncompressed npz, has no such vector, or it is shorter.
    """
    try:
        vector = _vector(file, name)
        if any(not 0 <= one.start <= one.stop <= vector.length for one in slices):
            raise ValueError(f"{name} has {vector.length} numbers and not the slices {slices}")
        return [_slice(file, vector.begin, one, vector.dtype) for one in slices]
    except _NO_NPZ as error:
        raise ValueError(f"not an npz file with {name}: {error}") from error


def read_blocks(file: IO[bytes], name: str, n: int) -> Iterator[npt.NDArray[Any]]:
    """A vector in an npz, n of its numbers at a time; each block holds until the next one is read.

    Raises:
        ValueError: the file is no uncompressed npz, has no such vector, or (after the last block) it is not
            what was written.
    """
    try:
        vector = _vector(file, name)
        block = np.empty(min(n, vector.length), vector.dtype)
        file.seek(vector.begin - vector.n_bytes_before)
        checksum = zlib.crc32(file.read(vector.n_bytes_before))
        for start in range(0, vector.length, n):
            part = block[: vector.length - start]
            if _fill(file, part) < part.nbytes:
                raise ValueError(f"{name} ends too early")
            checksum = zlib.crc32(part.data, checksum)
            yield part
    except _NO_NPZ as error:
        raise ValueError(f"not an npz file with {name}: {error}") from error
    if checksum != vector.checksum:
        raise ValueError(f"the checksum of {name} is not the one it was written with")


def _fill(file: IO[bytes], part: npt.NDArray[Any]) -> int:
    """Reads an array's bytes into it; how many there were."""
    content = part.view(np.uint8)
    return int(file.readinto(content.data))  # type: ignore[attr-defined]


@dataclass(frozen=True)
class _Vector:
    """Where a vector is in a file."""

    begin: int  # of its numbers
    length: int
    dtype: np.dtype[Any]
    n_bytes_before: int  # its header, of which the checksum is as well
    checksum: int  # CRC-32


def _vector(file: IO[bytes], name: str) -> _Vector:
    with zipfile.ZipFile(file) as archive:
        info = archive.getinfo(f"{name}.npy")
        with archive.open(info) as member:
            header = _header(member, info, name)
    file.seek(info.header_offset + _N_BEFORE_NAME)
    begin = sum(struct.unpack("<HH", file.read(4))) + file.tell() + header.n_bytes_before
    if len(header.shape) != 1:
        raise ValueError(f"{name} has shape {header.shape} and is no vector")
    return _Vector(begin, header.shape[0], header.dtype, header.n_bytes_before, info.CRC)


def _slice(file: IO[bytes], begin: int, one: slice, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    file.seek(begin + one.start * dtype.itemsize)
    return np.frombuffer(file.read((one.stop - one.start) * dtype.itemsize), dtype)


@dataclass(frozen=True)
class _Header:
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    by_column: bool
    n_bytes_before: int  # the array


def _header(member: IO[bytes], info: zipfile.ZipInfo, name: str) -> _Header:
    """What stands before an array; checked, with the length of the array."""
    if info.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{name} is compressed")
    magic = _MAGIC.fullmatch(member.read(10))
    n_header = int.from_bytes(magic["length"], "little") if magic else 0
    header = _HEADER.fullmatch(member.read(n_header).decode("latin-1"))
    if header is None:
        raise ValueError(f"{name} is no array of numbers")
    dtype = np.dtype(header["dtype"])
    shape = tuple(int(n) for n in header["shape"].split(",") if n.strip())
    n_bytes = math.prod(shape) * dtype.itemsize
    if n_bytes != info.file_size - 10 - n_header:
        raise ValueError(f"{name} has other than the {n_bytes:,} bytes of {dtype} of shape {shape}")
    return _Header(dtype, shape, header["by_column"] == "True", 10 + n_header)


def _array(member: IO[bytes], info: zipfile.ZipInfo, name: str) -> npt.NDArray[Any]:
    header = _header(member, info, name)
    dtype, n_bytes = header.dtype, math.prod(header.shape) * header.dtype.itemsize
    flat = np.empty(math.prod(header.shape), dtype)
    content = memoryview(flat.view(np.uint8))  # type: ignore[arg-type]
    for start in range(0, n_bytes, _CHUNK_BYTES):
        chunk = member.read(min(_CHUNK_BYTES, n_bytes - start))
        content[start : start + len(chunk)] = chunk
    if member.read(1):  # its end is where the checksum is compared
        raise ValueError(f"{name} is longer than its header says")
    if dtype == np.bool_ and (flat.view(np.uint8) > 1).any():
        raise ValueError(f"{name} holds bytes that are neither false nor true")
    return flat.reshape(header.shape, order="F" if header.by_column else "C")
