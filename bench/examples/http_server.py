#!/usr/bin/env python3
"""A web server to begin with: one page for every path, a thread for each connection.

    build/release/echo_compare --protocol http \\
        --server 'mine=python3 bench/examples/http_server.py {port}'

What a server needs to stand in such a comparison is said at its line: without it clients
wait, or lose their connection.
"""

import http.server
import sys

PAGE = b"This page of Python is as long as the one that every model of echolab has\n"


class Page(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"       # of itself 1.0: a connection for each request
    wbufsize = -1                       # head and body in one send …
    disable_nagle_algorithm = True      # … that does not wait for the client's ACK

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(PAGE)))     # or where does it end?
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *_):
        pass                            # of itself a line for each request


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 1024           # of itself 5: the next clients wait for a second


with Server(("127.0.0.1", int(sys.argv[1])), Page) as server:
    server.serve_forever()
