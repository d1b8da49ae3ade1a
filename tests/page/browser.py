"""Chromium without a screen, told what to do over two pipes (the DevTools protocol), with Python's standard library."""

import base64
import fcntl
import json
import os
import select
import subprocess
import time

HIGH = 10  # descriptors from here on do not collide with 3 and 4, which chromium reads and writes


class Browser:
    """One page. `requests` are the URLs of all that it asked for, `complaints` what its console said."""

    def __init__(self, folder):
        commands_out, self._commands = self._pipe()
        self._replies, replies_in = self._pipe()
        arguments = ["chromium", "--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu",
                     "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking", "--hide-scrollbars",
                     "--no-proxy-server", f"--user-data-dir={folder}/profile", "about:blank"]
        with open(folder / "chromium.log", "wb") as log:
            self._process = subprocess.Popen(["bash", "-c", f'exec "$@" 3<&{commands_out} 4>&{replies_in}', "bash", *arguments],
                                             pass_fds=(commands_out, replies_in), stdout=log, stderr=log)
        os.close(commands_out)
        os.close(replies_in)
        self.requests, self.complaints = [], []
        self._buffer, self._next, self._session = b"", 1, None
        target = self.tell("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.tell("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.tell(f"{domain}.enable")

    @staticmethod
    def _pipe():
        ends = []
        for end in os.pipe():
            ends.append(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, HIGH))
            os.close(end)
        return ends

    def tell(self, method, **parameters):
        """Returns the answer to one command; events that come meanwhile are noted."""
        message = {"id": self._next, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._next += 1
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            reply = self._read()
            if reply.get("id") == message["id"]:
                assert "error" not in reply, reply["error"]
                return reply["result"]
            self._note(reply)

    def _read(self, timeout=120.0):
        deadline = time.monotonic() + timeout
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._replies], [], [], max(0, deadline - time.monotonic()))
            chunk = os.read(self._replies, 1 << 16) if ready else b""
            assert chunk, "the browser does not answer"
            self._buffer += chunk
        line, self._buffer = self._buffer.split(b"\0", 1)
        return json.loads(line)

    def _note(self, event):
        parameters = event.get("params", {})
        if event["method"] == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])
        elif event["method"] == "Log.entryAdded":
            self.complaints.append(parameters["entry"]["text"])
        elif event["method"] == "Runtime.exceptionThrown":
            self.complaints.append(parameters["exceptionDetails"]["text"])

    def go(self, url):
        self.tell("Page.navigate", url=url)

    def ask(self, expression):
        """The value of an expression in the page, None while it has none."""
        return self.tell("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def text(self, selector):
        return self.ask(f"document.querySelector({json.dumps(selector)})?.innerText") or ""

    def resize(self, width, height, dark=False):
        self.tell("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.tell("Emulation.setEmulatedMedia", features=[scheme])

    def picture(self, file):
        shot = self.tell("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(shot["data"]))

    def close(self):
        self._process.kill()
        self._process.wait()
        os.close(self._commands)
        os.close(self._replies)
