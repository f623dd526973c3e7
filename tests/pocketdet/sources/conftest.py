"""A local server that mimics the archives of public data and knows ranges as the real ones do."""

import contextlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Server:
    """Files in memory behind an address.

    Attributes:
        files: Path -> content.
        asked: What was transferred: path and number of bytes.
        left: Bytes until connections break and 503 is answered; None for no end.
        stalls: Connections that reach the end of `left` stay open instead, silent.
    """

    def __init__(self):
        self.files, self.asked, self.left, self.stalls = {}, [], None, False
        self.stalled, self.closing = threading.Event(), threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                data = outer.files.get(self.path)
                if data is None:
                    return self.send_error(404)
                if outer.left == 0:
                    return self.send_error(503)
                ranged = self.headers.get("Range", "")
                first = int(ranged.removeprefix("bytes=").removesuffix("-")) if ranged else 0
                if first >= len(data):
                    return self.send_error(416)
                part = data[first:]
                self.send_response(206 if ranged else 200)
                self.send_header("Content-Length", str(len(part)))
                if ranged:
                    self.send_header("Content-Range", f"bytes {first}-{len(data) - 1}/{len(data)}")
                self.end_headers()
                sent = part if outer.left is None else part[: outer.left]
                outer.asked.append((self.path, len(sent)))
                with contextlib.suppress(OSError):  # who asked may be gone
                    self.wfile.write(sent)
                if outer.left is not None:
                    outer.left -= len(sent)
                if len(sent) < len(part) and outer.stalls:
                    outer.stalled.set()
                    outer.closing.wait()

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.http.server_port}"


@pytest.fixture
def server():
    found = Server()
    yield found
    found.closing.set()
    found.http.shutdown()
    found.http.server_close()
