#!/usr/bin/python3
"""The report in Firefox, over WebDriver BiDi: Debian has no geckodriver, and firefox-esr
speaks it by itself (--remote-debugging-port). python3-selenium brings the websocket.

Exit code 77, and a sentence: firefox-esr is not installed here.
"""

import base64
import json
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

import report_campaigns

FIREFOX = shutil.which("firefox-esr")


class Firefox:
    """One headless Firefox with one page. Of what it tells unasked, `events` are kept."""

    def __init__(self, profile):
        self.events, self.number = [], 0
        # It may call home at its own start; what is asserted is what the page asks for.
        self.process = subprocess.Popen(
            [FIREFOX, "--headless", "--no-remote", "--profile", str(profile),
             "--remote-debugging-port", "0"], stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True, errors="replace",
            env={**os.environ, "HOME": str(profile)})
        for line in self.process.stderr:
            found = re.search(r"BiDi listening on (ws://\S+)", line)
            if found:
                self.address = found[1] + "/session"
                break
        else:
            raise AssertionError("firefox-esr does not start")

    async def begin(self, socket):
        self.socket = socket
        await self.call("session.new", capabilities={})
        await self.call("session.subscribe", events=[
            "log.entryAdded", "network.beforeRequestSent"])
        tree = await self.call("browsingContext.getTree")
        self.context = tree["contexts"][0]["context"]

    async def call(self, method, **params):
        self.number += 1
        await self.socket.send_message(json.dumps(
            {"id": self.number, "method": method, "params": params}))
        while True:
            reply = json.loads(await self.socket.get_message())
            if reply.get("id") == self.number:
                assert reply["type"] == "success", reply
                return reply["result"]
            self.events.append(reply)

    async def open(self, address, width):
        await self.call("browsingContext.setViewport", context=self.context,
                        viewport={"width": width, "height": 900})
        await self.call("browsingContext.navigate", context=self.context,
                        url="about:blank", wait="complete")
        self.events.clear()
        await self.call("browsingContext.navigate", context=self.context, url=address,
                        wait="complete")

    async def js(self, expression):
        """The value of an expression that can be written as JSON."""
        found = await self.call(
            "script.evaluate", target={"context": self.context}, awaitPromise=True,
            expression=f"(async () => JSON.stringify(await ({expression})))()")
        assert found["type"] == "success", found
        return json.loads(found["result"]["value"])

    async def screenshot(self):
        found = await self.call("browsingContext.captureScreenshot", context=self.context)
        return base64.b64decode(found["data"])

    def end(self):
        self.process.terminate()
        self.process.wait(20)
        self.process.stderr.close()


COLOURS = """(async () => { const i = new Image(); i.src = 'data:image/png;base64,%s';
  await i.decode(); const c = document.createElement('canvas');
  [c.width, c.height] = [i.width, i.height]; const p = c.getContext('2d');
  p.drawImage(i, 0, 0); return new Set(new Uint32Array(
  p.getImageData(0, 0, c.width, c.height).data.buffer)).size; })()"""
SIZES = "[...document.querySelectorAll('figure svg .series')].map(s => " \
        "s.getBoundingClientRect()).map(b => b.width + b.height)"


class Report(unittest.TestCase):
    async def look(self, firefox, socket, page):
        await firefox.begin(socket)
        for width in (400, 1280):
            await firefox.open(page, width)
            await self.loaded(firefox, page, width)
        await self.used(firefox)

    async def loaded(self, firefox, page, width):
        self.assertLessEqual(await firefox.js("document.documentElement.scrollWidth"), width)
        sizes = await firefox.js(SIZES)
        self.assertGreater(len(sizes), 80)
        self.assertGreater(min(sizes), 3)
        content = await firefox.screenshot()
        self.assertEqual(struct.unpack(">II", content[16:24]), (width, 900))
        self.assertGreater(await firefox.js(COLOURS % base64.b64encode(content).decode()), 50)
        for event in firefox.events:
            if event["method"] == "log.entryAdded":
                self.assertNotIn(event["params"]["level"], ("error", "warn"), event)
            else:
                address = event["params"]["request"]["url"]
                self.assertTrue(address == page or address.startswith("data:"), address)

    async def used(self, firefox):
        """A switch, a scale, a picture to keep and the raw data, as in Chromium."""
        hidden = await firefox.js(
            "(() => { document.querySelector('#legend [data-model=select_loop]').click();"
            "return [...document.querySelectorAll('.series')].filter(s =>"
            " getComputedStyle(s).display === 'none').map(s => s.dataset.model) })()")
        self.assertEqual(set(hidden), {"select_loop"})
        ticks = await firefox.js(
            "(() => { document.querySelector('#fig-latency .tools button').click();"
            "return [...document.querySelectorAll('#fig-latency .ys text')].map(t =>"
            " t.textContent) })()")
        self.assertEqual(ticks.count("0"), 2)
        self.assertIn("latency:linear", await firefox.js("location.hash"))
        size = await firefox.js(
            "picture(standalone(document.querySelector('#fig-latency'))).then(b => b.size)")
        self.assertGreater(size, 20_000)
        trials = await firefox.js(
            "new Response(new Blob([Uint8Array.from(atob(document.getElementById('raw')"
            ".textContent), c => c.charCodeAt(0))]).stream().pipeThrough("
            "new DecompressionStream('gzip'))).json().then(r => r.trials.length)")
        self.assertEqual(trials, 54)

    def test_the_page_is_drawn_and_works(self):
        import trio
        from trio_websocket import open_websocket_url

        async def run(firefox, page):
            with trio.fail_after(90):
                async with open_websocket_url(firefox.address,
                                              max_message_size=64 << 20) as socket:
                    await self.look(firefox, socket, page)
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
            root = pathlib.Path(temporary)
            folder = report_campaigns.realistic(root / "realistic")
            done = report_campaigns.run(folder)
            self.assertEqual(done.returncode, 0, done.stderr)
            (root / "profile").mkdir()
            firefox = Firefox(root / "profile")
            try:
                trio.run(run, firefox, (folder / "report.html").as_uri())
            finally:
                firefox.end()


if __name__ == "__main__":
    if FIREFOX is None:
        print("Skipped: firefox-esr is not installed here; apt-get install firefox-esr")
        sys.exit(77)
    unittest.main()
