"""Headless Chromium for tests, driven over the DevTools protocol through a pipe.

The browser reads commands from descriptor 3 and writes to descriptor 4: JSON, a zero byte after each message.
"""

from __future__ import annotations

import itertools
import json
import os
import select
import shutil
import subprocess
import time
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from tests.all_tests import ALL_TESTS

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None and not ALL_TESTS, reason="no chromium or google-chrome to look at pages with"
)
FITS = "document.scrollingElement.scrollWidth <= innerWidth"  # nothing has to be scrolled sideways

_FLAGS = (
    *("--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-quic"),
    *("--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--hide-scrollbars", "--disable-extensions", "--no-default-browser-check", "--disable-default-apps"),
)
_ANSWER_S = 30.0  # for one command
_WAIT_S = 30.0  # for a condition in a page
_KEYS = {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Home": 36, "End": 35}
_KEYS |= {"Enter": 13, "Escape": 27, "Tab": 9, "+": 187}


class Browser:
    """One process with one tab."""

    def __init__(self, profile: Path) -> None:
        assert CHROMIUM is not None
        from_us, self._commands = os.pipe()
        self._messages, to_us = os.pipe()
        # A process can be handed pipes under the numbers they have here only; a shell renumbers them.
        renumber = f'exec "$@" 3</dev/fd/{from_us} 4>/dev/fd/{to_us}'
        self._process = subprocess.Popen(
            ["sh", "-c", renumber, "sh", CHROMIUM, *_FLAGS, f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(from_us, to_us),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(from_us)
        os.close(to_us)
        self._ids = itertools.count(1)
        self._unread = b""
        self._session: str | None = None
        self.events: deque[dict[str, Any]] = deque()
        self._attach()

    def __enter__(self) -> Browser:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._commands)
        os.close(self._messages)
        try:
            self._process.wait(timeout=10)  # it ends with its pipe
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _attach(self) -> None:
        targets = self.send("Target.getTargets")["targetInfos"]
        tab = next(target["targetId"] for target in targets if target["type"] == "page")
        self._session = self.send("Target.attachToTarget", targetId=tab, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **params: object) -> dict[str, Any]:
        """A command's result; events that come before it are kept in `events`."""
        number = next(self._ids)
        message = {"id": number, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while (answer := self._read()).get("id") != number:
            self.events.append(answer)
        assert "error" not in answer, f"{method}: {answer['error']}"
        result = answer["result"]
        assert isinstance(result, dict)
        return result

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._unread:
            ready, _, _ = select.select([self._messages], [], [], _ANSWER_S)
            assert ready, "the browser does not answer"
            received = os.read(self._messages, 1 << 20)
            assert received, "the browser has ended"
            self._unread += received
        message, _, self._unread = self._unread.partition(b"\0")
        parsed = json.loads(message)
        assert isinstance(parsed, dict)
        return parsed

    def show(self, width: int = 1280, height: int = 900, *, scheme: str = "light") -> None:
        """How large the screen is, in CSS pixels, and whether the system is light or dark."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 640}
        self.send("Emulation.setDeviceMetricsOverride", **size)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.send("Emulation.setEmulatedMedia", features=features)

    def open(self, file: Path, fragment: str = "") -> None:
        """Opens a page and waits until its scripts have run."""
        self.events.clear()
        # A page that differs from the one before by its fragment only would not be loaded again.
        self.send("Page.navigate", url="about:blank")
        self.send("Page.navigate", url=file.as_uri() + fragment)
        self.wait_until(
            f"location.href.startsWith({json.dumps(file.as_uri())}) && document.readyState === 'complete'"
        )

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page; promises are awaited."""
        options = {"returnByValue": True, "awaitPromise": True, "userGesture": True}
        result = self.send("Runtime.evaluate", expression=expression, **options)
        assert "exceptionDetails" not in result, f"{expression}: {result['exceptionDetails']}"
        return result["result"].get("value")

    def wait_until(self, expression: str) -> None:
        """Waits until an expression is true."""
        deadline = time.monotonic() + _WAIT_S
        while not self.evaluate(expression):
            assert time.monotonic() < deadline, f"never true: {expression}"
            time.sleep(0.02)

    def click(self, selector: str) -> None:
        """Presses and releases the mouse on the middle of the first element a selector finds."""
        x, y = self.evaluate(
            f"(() => {{ const element = document.querySelector({json.dumps(selector)});"
            " element.scrollIntoView({block: 'center'}); const box = element.getBoundingClientRect();"
            " return [box.x + box.width / 2, box.y + box.height / 2]; })()"
        )
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            count = 0 if kind == "mouseMoved" else 1
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=count)

    def press(self, key: str) -> None:
        """Presses and releases a key."""
        for kind in ("rawKeyDown", "keyUp"):
            code = {"windowsVirtualKeyCode": _KEYS[key]}
            self.send("Input.dispatchKeyEvent", type=kind, key=key, code=key, **code)

    def choose(self, selector: str, value: str) -> None:
        """Chooses an option of a select element, as a reader does."""
        self.evaluate(
            f"(() => {{ const select = document.querySelector({json.dumps(selector)});"
            f" select.value = {json.dumps(value)}; select.dispatchEvent(new Event('change')); }})()"
        )

    def complaints(self) -> list[str]:
        """Errors, warnings and exceptions since the page was opened."""
        self.evaluate("1")
        return [json.dumps(event) for event in self.events if _is_complaint(event)]

    def requests(self) -> list[str]:
        """The addresses of what the page asked for since it was opened, itself left out."""
        self.evaluate("1")
        sent = [e["params"] for e in self.events if e["method"] == "Network.requestWillBeSent"]
        return [request["request"]["url"] for request in sent if request["type"] != "Document"]


def _is_complaint(event: dict[str, Any]) -> bool:
    params = event["params"]
    return (
        event["method"] == "Runtime.exceptionThrown"
        or (
            event["method"] == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert")
        )
        or (event["method"] == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"))
    )
