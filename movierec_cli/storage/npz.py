"""Uncompressed npz files of plain arrays: written alike for equal content, read without trusting a header."""

import io
import math
import re
import struct
import zipfile
from collections.abc import Mapping
from typing import IO, Any

import numpy as np
import numpy.typing as npt

Arrays = dict[str, npt.NDArray[Any]]

_NO_TEXTS: Mapping[str, str] = {}
_PLAIN_KINDS = "biufcSU"  # NumPy's kinds that need no pickle and are read back as they were
_MAGIC = re.compile(rb"\x93NUMPY\x01\x00(?P<length>..)", re.DOTALL)
_HEADER = re.compile(  # as NumPy writes it; parsed by nothing that evaluates
    r"\{'descr': '(?P<dtype>[<|][biuf][1248])', 'fortran_order': (?P<by_column>True|False),"
    r" 'shape': \((?P<shape>(?:\d{1,18}, ?){0,31}(?:\d{1,18})?)\), \} *\n"
)
_CHUNK_BYTES = 1 << 20
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


def is_inside(name: str, part: str) -> bool:
    """Whether a name is that of a part, or of something in it."""
    return not part or name == part or name.startswith(f"{part}/")


def _array(member: IO[bytes], info: zipfile.ZipInfo, name: str) -> npt.NDArray[Any]:
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
    flat = np.empty(math.prod(shape), dtype)
    content = memoryview(flat.view(np.uint8))  # type: ignore[arg-type]
    for start in range(0, n_bytes, _CHUNK_BYTES):
        chunk = member.read(min(_CHUNK_BYTES, n_bytes - start))
        content[start : start + len(chunk)] = chunk
    if member.read(1):  # its end is where the checksum is compared
        raise ValueError(f"{name} is longer than its header says")
    if dtype == np.bool_ and (flat.view(np.uint8) > 1).any():
        raise ValueError(f"{name} holds bytes that are neither false nor true")
    return flat.reshape(shape, order="F" if header["by_column"] == "True" else "C")
