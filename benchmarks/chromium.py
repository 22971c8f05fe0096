"""A headless Chromium, driven over its DevTools pipe: no driver and no package is needed."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome")


class Page:
    """One page of a running browser."""

    def __init__(self, to_browser: int, from_browser: int) -> None:
        self._write = os.fdopen(to_browser, "wb", buffering=0)
        self._read = os.fdopen(from_browser, "rb", buffering=0)
        self._rest = b""
        self._number = 0
        self._session = ""
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Calls a method of the DevTools protocol and returns its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._write.write(json.dumps(message).encode() + b"\0")
        while True:
            answer = self._message()
            if answer.get("id") != self._number:
                self.events.append(answer)
            elif "error" in answer:
                raise RuntimeError(f"{method}: {answer['error']}")
            else:
                return answer["result"]

    def evaluate(self, script: str, timeout_s: float = 60) -> Any:
        """Returns the value of an expression, awaited if it is a promise."""
        script = (
            f"Promise.race([(async () => {script})(), new Promise((_, fail) => "
            f"setTimeout(() => fail(new Error('timed out')), {1000 * timeout_s}))])"
        )
        result = self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True
        )
        if "exceptionDetails" in result:
            raise RuntimeError(result["exceptionDetails"]["exception"].get("description", result))
        return result["result"].get("value")

    def _message(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            part = self._read.read(1 << 16)
            if not part:
                raise RuntimeError("Chromium has ended")
            self._rest += part
        message, self._rest = self._rest.split(b"\0", 1)
        return json.loads(message)


@contextmanager
def chromium(*flags: str) -> Iterator[Page]:
    """Starts a browser with a fresh profile and yields a page; it ends with the `with` block."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        raise SystemExit(f"There is no browser; install one of {', '.join(NAMES)}.")
    browser_reads, we_write = os.pipe()
    we_read, browser_writes = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [
            program,
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            f"--user-data-dir={profile}",
            "--remote-debugging-pipe",
            *flags,
        ]
        # The protocol wants the descriptors 3 and 4.
        shell = f'exec "$@" 3<&{browser_reads} 4>&{browser_writes}'
        with subprocess.Popen(
            ["bash", "-c", shell, "bash", *command],
            pass_fds=(browser_reads, browser_writes),
            stderr=subprocess.DEVNULL,
        ) as process:
            os.close(browser_reads)
            os.close(browser_writes)
            page = Page(we_write, we_read)
            try:
                yield page
            finally:
                page.call("Browser.close")
                process.wait(20)
