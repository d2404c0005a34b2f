"""A receiver that shows what arrived.

It listens on loopback only, keeps the last arrivals in memory, and answers every POST with 200.
"""

from __future__ import annotations

import html
import json
from collections import deque
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEPT = 200
MOST_BYTES = 1_000_000

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="2">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>What arrived</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem;
       color: #1c2733; background: #f6f8fa }}
article {{ background: #fff; border: 1px solid #d5dde5; border-radius: 6px; margin: 1rem 0;
          padding: .75rem 1rem }}
header {{ color: #5b6b7b; font-size: .875rem }}
pre {{ margin: .5rem 0 0; overflow-x: auto }}
@media (prefers-color-scheme: dark) {{
  body {{ color: #e3e9ef; background: #12181f }} article {{ background: #1b232c; border-color: #33404d }} }}
</style></head><body><h1>What arrived</h1><p>{summary}</p>{arrivals}</body></html>"""

ARTICLE = "<article><header>{at:%H:%M:%S} · {key}</header><pre>{body}</pre></article>"


class _Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    arrivals: deque[tuple[datetime, str, str]] = deque(maxlen=KEPT)
    total = 0

    def do_POST(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        if size > MOST_BYTES:
            self.close_connection = True
            self._answer(413, "text/plain", b"too large")
            return
        body = self.rfile.read(size).decode(errors="replace")
        _Receiver.total += 1
        self.arrivals.appendleft((datetime.now(), self.headers.get("Idempotency-Key", ""), _pretty(body)))
        self._answer(200, "application/json", b'{"received": true}')

    def do_GET(self) -> None:
        self._answer(200, "text/html; charset=utf-8", _page(self.total, list(self.arrivals)).encode())

    def do_HEAD(self) -> None:
        self._answer(200, "text/html; charset=utf-8", b"")

    def _answer(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """What arrives is shown on the page, not on the terminal."""


def _pretty(body: str) -> str:
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        return body


def _page(total: int, arrivals: list[tuple[datetime, str, str]]) -> str:
    summary = f"{total} pushes so far, the latest first." if total else "Nothing yet: change a profile."
    articles = [
        ARTICLE.format(at=at, key=html.escape(key), body=html.escape(body)) for at, key, body in arrivals
    ]
    return PAGE.format(summary=summary, arrivals="".join(articles))


def serve(port: int) -> None:
    with ThreadingHTTPServer(("127.0.0.1", port), _Receiver) as server:
        server.daemon_threads = True
        server.serve_forever()
