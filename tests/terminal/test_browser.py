"""The dashboard in a real browser: its text, its keys, and who is refused."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pyte
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "screens"))

from run_story import Journal

from tui_app.locations import Locations

pytest.importorskip("textual_serve", reason="the extra `serve` is not installed: make setup-serve")

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
COLUMNS, ROWS = 130, 45
PATIENCE_SECONDS = 40.0


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The page of a run, served by the real command."""
    for name in ("XDG_STATE_HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    place = Locations.of("local")
    place.prepare()
    journal = Journal(place.journal)
    journal.story(ago=12.2).begin().steps(27)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "tui_app", "serve", "sort-digits", "--target", "local", "--port", str(port)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    try:
        yield server.stdout.readline().removeprefix("open ").strip()
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(20)
        server.stdout.close()
        journal.close()


class Page:
    """A page of the browser, over its debugging socket. What the terminal in it was sent is emulated, so
    that its text can be read; what is asserted of a picture is that of the browser."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket, self._calls = socket, 0
        self._screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self._screen)
        self.blocked: list[str] = []

    @property
    def words(self) -> str:
        return " ".join(" ".join(self._screen.display).split())

    async def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        self._calls += 1
        await self._socket.send_json({"id": self._calls, "method": method, "params": arguments})
        while True:
            said = await self._hear()
            if said.get("id") == self._calls:
                return dict(said.get("result", {}))

    async def _hear(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads((await self._socket.receive(timeout=PATIENCE_SECONDS)).data)
        if said.get("method") == "Network.webSocketFrameReceived":
            frame = said["params"]["response"]
            if frame["opcode"] == 2:
                self._stream.feed(
                    re.sub(rb"\x1b\[[<>=?][0-9;]*[a-zA-Z]", b"", base64.b64decode(frame["payloadData"]))
                )
        elif said.get("method") == "Network.loadingFailed":
            self.blocked.append(said["params"].get("blockedReason", said["params"]["errorText"]))
        return said

    async def shows(self, *texts: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not all(text in self.words for text in texts):
            assert time.monotonic() < deadline, "\n".join(self._screen.display)
            await self.call("Runtime.evaluate", expression="0")
            await asyncio.sleep(0.05)

    async def picture(self) -> bytes:
        return base64.b64decode((await self.call("Page.captureScreenshot"))["data"])

    async def press(self, key: str, code: int) -> None:
        about = {"key": key, "windowsVirtualKeyCode": code}
        await self.call("Input.dispatchKeyEvent", type="keyDown", text=key, **about)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **about)


@contextlib.asynccontextmanager
async def page(profile: Path) -> AsyncIterator[Page]:
    assert BROWSER is not None
    flags = ("--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0", "about:blank")
    browser = await asyncio.create_subprocess_exec(
        BROWSER,
        f"--user-data-dir={profile}",
        "--window-size=1100,720",
        *flags,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        assert browser.stderr is not None
        line = b""
        while b"DevTools listening on" not in line:
            line = await asyncio.wait_for(browser.stderr.readline(), PATIENCE_SECONDS)
            assert line, "the browser ended"
        found = re.search(rb":(\d+)/", line)
        assert found is not None
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{int(found[1])}/json") as answer:
                targets = await answer.json()
            socket_url = next(t["webSocketDebuggerUrl"] for t in targets if t["type"] == "page")
            async with session.ws_connect(socket_url, max_msg_size=0) as connected:
                yield Page(connected)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(browser.pid, signal.SIGKILL)
        await browser.wait()


@pytest.mark.skipif(BROWSER is None, reason="no chromium on the PATH. Debian: sudo apt install chromium")
async def test_a_browser_shows_the_run_and_its_keys_work(address: str, tmp_path: Path) -> None:
    async with page(tmp_path / "profile") as shown:
        for domain in ("Network", "Page", "Runtime"):
            await shown.call(f"{domain}.enable")
        await shown.call("Emulation.setFocusEmulationEnabled", enabled=True)
        await shown.call("Page.navigate", url=address)
        await shown.shows("LOCAL sort-digits RUNNING · step 27/250", "READ-ONLY", "committed step 20")
        before = await shown.picture()
        click = {"x": 300, "y": 300, "button": "left", "clickCount": 1}
        await shown.call("Input.dispatchMouseEvent", type="mousePressed", **click)
        await shown.call("Input.dispatchMouseEvent", type="mouseReleased", **click)
        await shown.press("?", 191)
        await shown.shows("keys for sort-digits", "not now: this dashboard is read-only")
        assert await shown.picture() != before
        assert len(before) > 20_000, "an empty page is smaller"
        assert set(shown.blocked) <= {"csp"}, "nothing is loaded from elsewhere"
        where = await shown.call("Runtime.evaluate", expression="location.href")
        assert "key=" not in where["result"]["value"], "the key does not stay in the address"


async def test_only_who_has_the_key_and_names_this_host_is_answered(address: str) -> None:
    place, _, key = address.partition("/?key=")
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:

        async def status(path: str, **headers: str) -> int:
            async with session.get(place + path, headers=headers, allow_redirects=False) as answer:
                return answer.status

        assert await status("/") == 403
        assert await status("/static/js/textual.js") == 403
        assert await status("/?key=guess") == 403
        assert await status(f"/?key={key}") == 303
        cookie = f"middlewatch-{place.rsplit(':', 1)[1]}={key}"
        assert await status("/", Cookie=cookie) == 200
        assert await status("/", Cookie=cookie, Host="evil.example") == 421
        assert await status("/", Cookie=cookie, Host="localhost") == 421
        assert await status("/ws", Cookie=cookie, Origin="http://evil.example") == 403
        with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
            await session.ws_connect(place.replace("http", "ws") + "/ws")


def test_it_listens_on_loopback_alone(address: str) -> None:
    port = int(re.findall(r":(\d+)", address)[0])
    others = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    for host in others - {"127.0.0.1"}:
        with pytest.raises(OSError), socket.create_connection((str(host), port), timeout=2):  # noqa: PT011
            pass
