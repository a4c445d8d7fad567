#!/usr/bin/python3
"""Debian's chromium shows what a model serves over HTTP.

A browser that cannot be started is a failure, never a skip.
"""

import subprocess
import tempfile
import unittest

from command_line_test import PATIENCE, Server


class Browser(unittest.TestCase):
    def test_shows_the_page_of_a_model(self):
        with Server("epoll_level", "tcp://127.0.0.1:0", "--protocol", "http") as server, \
                tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
            done = subprocess.run(
                ["/usr/bin/chromium", "--headless", "--no-sandbox", "--disable-gpu",
                 "--no-first-run", "--disable-background-networking",
                 "--disable-component-update", "--disable-sync",
                 f"--user-data-dir={profile}", "--dump-dom",
                 server.endpoint.replace("tcp://", "http://")],
                capture_output=True, text=True, timeout=PATIENCE, check=False)
            self.assertIn("This is echolab, a server that echoes", done.stdout,
                          done.stderr)


if __name__ == "__main__":
    unittest.main()
