"""Run as a program of its own: one file downloaded and verified by TFDS' download manager.

A process apart because TFDS downloads in threads that nothing can stop: this one can be ended, whether by
Ctrl-C or an error, and TFDS' own progress bars and logs stay out of the user's terminal.
Usage: python tfds_download.py REQUEST.json, see `main`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

_TIMEOUT_S = 15


def main(request_file: Path) -> None:
    """Answers {url, size_bytes, sha256, directory} with {path} or {reason}, in result.json beside it."""
    request = json.loads(request_file.read_text(encoding="utf-8"))
    result = request_file.with_name("result.json")
    try:
        reason = _unreachable(request["url"])
        answer = {"reason": reason} if reason else {"path": _download(request)}
    except Exception as error:  # whatever goes wrong is the parent's to tell
        answer = {"reason": f"{type(error).__name__}: {error}"}
    result.write_text(json.dumps(answer), encoding="utf-8")


def _unreachable(url: str) -> str | None:
    # TFDS tries ten times over minutes; who is offline should hear so at once
    import requests

    try:
        with requests.get(url, stream=True, timeout=_TIMEOUT_S) as response:
            return None if response.ok else f"the server answers {response.status_code} {response.reason}"
    except requests.exceptions.SSLError as error:
        return f"the server's certificate is not valid, perhaps expired ({error})"
    except requests.exceptions.Timeout:
        return f"no answer within {_TIMEOUT_S} s"
    except requests.exceptions.RequestException as error:
        return f"the server cannot be reached; is this machine offline? ({error})"


def _download(request: dict[str, Any]) -> str:
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.download.checksums import UrlInfo
    from tensorflow_datasets.core.download.download_manager import NonMatchingChecksumError

    tfds.disable_progress_bar()
    url, sha256 = request["url"], request["sha256"]
    known = {url: UrlInfo(size=request["size_bytes"], checksum=sha256, filename=None)} if sha256 else None
    manager = tfds.download.DownloadManager(
        download_dir=request["directory"], url_infos=known, force_checksums_validation=bool(sha256)
    )
    try:
        return str(manager.download(url))
    except NonMatchingChecksumError as error:
        got = str(error).partition("* Got: ")[2].partition("\n")[0]
        raise RuntimeError(f"it differs from the published checksum {sha256}; got {got}") from error


if __name__ == "__main__":
    main(Path(sys.argv[1]))
