"""A headless Chromium, driven over two pipes in its own protocol (one JSON message, then a zero byte, each way)."""

import base64
import json
import os
import shutil
import subprocess
import time
from pathlib import Path

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
KEYS = {"ArrowLeft": 37, "ArrowRight": 39, "Space": 32, "Enter": 13}


class Chromium:
    """One browser; each `context` has cookies and storage of its own, as another person's would."""

    def __init__(self, profile: Path) -> None:
        down, ours = os.pipe()
        theirs, up = os.pipe()
        flags = [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", "--no-first-run",
            "--disable-dev-shm-usage", "--disable-background-networking", "--no-proxy-server", "--mute-audio",
            "--disable-extensions", "--hide-scrollbars",
            f"--user-data-dir={profile}", "about:blank",
        ]  # fmt: skip
        script = 'in="$1"; out="$2"; shift 2; exec "$@" 3<&"$in" 4>&"$out"'
        command = ["bash", "-c", script, "chromium", str(down), str(up), str(PROGRAM), *flags]
        # The browser reads from `down` and writes to `up`; `ours` and `theirs` are the ends that stay here.
        self.process = subprocess.Popen(
            command, pass_fds=(down, up), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        os.close(down)
        os.close(up)
        self.down, self.up, self.rest, self.count = ours, theirs, b"", 0

    def send(self, method: str, session: str | None = None, **params):
        self.count += 1
        message = {"id": self.count, "method": method, "params": params}
        if session is not None:
            message["sessionId"] = session
        os.write(self.down, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self.count:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]

    def context(self) -> str:
        return self.send("Target.createBrowserContext")["browserContextId"]

    def tab(self, url: str, context: str | None = None, size: tuple[int, int] = (1100, 760)) -> "Tab":
        extra = {"browserContextId": context} if context else {}
        found = self.send("Target.createTarget", url="about:blank", newWindow=True, **extra)
        session = self.send("Target.attachToTarget", targetId=found["targetId"], flatten=True)["sessionId"]
        tab = Tab(self, found["targetId"], session)
        tab.send("Page.enable")
        tab.send("Runtime.enable")
        width, height = size
        tab.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        tab.send("Emulation.setFocusEmulationEnabled", enabled=True)
        tab.send("Page.navigate", url=url)
        tab.until("location.href !== 'about:blank' && document.readyState === 'complete'")
        return tab

    def close(self) -> None:
        os.close(self.down)
        os.close(self.up)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, 9)
            self.process.wait()

    def _receive(self) -> dict:
        while b"\0" not in self.rest:
            chunk = os.read(self.up, 1 << 20)
            if not chunk:
                raise AssertionError("the browser has gone")
            self.rest += chunk
        line, _, self.rest = self.rest.partition(b"\0")
        return json.loads(line)


class Tab:
    """One page."""

    def __init__(self, browser: Chromium, target: str, session: str) -> None:
        self.browser, self.target, self.session = browser, target, session

    def send(self, method: str, **params):
        return self.browser.send(method, self.session, **params)

    def value(self, expression: str):
        result = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def until(self, expression: str, seconds: float = 60) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.value(f"Boolean(document.body && ({expression}))"):
                return
            time.sleep(0.02)
        raise AssertionError(f"never true: {expression}\n{self.value('document.body.innerText')}")

    def press(self, code: str) -> None:
        number = KEYS.get(code, 0)
        for kind in ("keyDown", "keyUp"):
            self.send("Input.dispatchKeyEvent", type=kind, code=code, key=code, windowsVirtualKeyCode=number)

    def write(self, text: str) -> None:
        self.send("Input.insertText", text=text)

    def picture(self, path: Path) -> None:
        data = self.send("Page.captureScreenshot", format="png")["data"]
        path.write_bytes(base64.b64decode(data))

    def close(self) -> None:
        self.browser.send("Target.closeTarget", targetId=self.target)
