"""MovieLens archives, downloaded and verified by TFDS' download manager."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, replace
from pathlib import Path

from movierec_cli.data.layouts.known_layouts import recognise
from movierec_cli.data.progress import Progress, unreported
from movierec_cli.data.sources import Publication, Source, publication_of
from movierec_cli.errors import DataError

_PROGRAM = Path(__file__).with_name("tfds_download.py")
_LOOK_EVERY_S = 0.2


def download(
    source: Source, datasets_dir: Path, *, url: str | None = None, progress: Progress = unreported
) -> Path:
    """Downloads a source's archive to its place in `datasets_dir`, which changes only once it is whole.

    Args:
        source: what to download; not the embedded sample.
        datasets_dir: made if need be.
        url: a mirror's address; the published size and checksum are demanded of it all the same.
        progress: called with (message, bytes so far, bytes in all or 0).

    Returns:
        The archive's path.

    Raises:
        DataError: it cannot be had, or is not the published file; says what to fetch and where to put it.
    """
    publication = publication_of(source)
    if url is not None:
        publication = replace(publication, url=url)
    target = datasets_dir / source.archive_name
    try:
        datasets_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=datasets_dir) as directory:
            file = _downloaded(publication, source, Path(directory), progress)
            recognise(file)  # TFDS has no checksum of some archives; a server's "sorry" page is none
            os.replace(file, target)
    except (_DownloadFailedError, DataError, OSError) as error:
        raise DataError(_remedy(source, publication, target, error)) from error
    return target


class _DownloadFailedError(Exception):
    """Why there is no file."""


def _downloaded(publication: Publication, source: Source, directory: Path, progress: Progress) -> Path:
    files = directory / "download"
    request = directory / "request.json"
    request.write_text(json.dumps(asdict(publication) | {"directory": str(files)}), encoding="utf-8")
    _run(request, files, f"downloading {source.archive_name}", publication.size_bytes or 0, progress)
    result = directory / "result.json"
    if not result.exists():
        raise _DownloadFailedError(f"the downloading process failed: {_last_line(directory / 'log')}")
    answer = json.loads(result.read_text(encoding="utf-8"))
    if "path" not in answer:
        raise _DownloadFailedError(answer["reason"])
    return Path(answer["path"])


def _run(request: Path, files: Path, message: str, total: int, progress: Progress) -> None:
    with request.with_name("log").open("wb") as log:
        # -P: this folder must not come before the standard library on the program's path
        command = [sys.executable, "-P", str(_PROGRAM), str(request)]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            while _is_running(process):
                done = _bytes_in(files)
                progress(message, min(done, total) if total else done, total)
        finally:
            process.kill()
            process.wait()


def _is_running(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(_LOOK_EVERY_S)
    except subprocess.TimeoutExpired:
        return True
    return False


def _bytes_in(directory: Path) -> int:
    total = 0
    for file in directory.rglob("*"):
        try:
            total += file.stat().st_size if file.is_file() else 0
        except FileNotFoundError:  # renamed since it was listed
            continue
    return total


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def _remedy(source: Source, publication: Publication, target: Path, error: Exception) -> str:
    return (
        f"{source.title} cannot be downloaded from {publication.url}: {error}.\n"
        f"Fetch {source.archive_name} by another way, such as a browser, from {publication.url}\n"
        f"and put it at {target}, or run: movierec data import {source.archive_name}"
    )
