"""Traces: what is done for whom and how long it takes, without anything of a person; off, nothing of them."""

import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from destinations.connectors.base import Rejected
from destinations.scheduler import loop
from destinations.sync import tracing

PERSON = "ada@example.org"


@pytest.fixture
def spans(monkeypatch, settings):
    """Those that have ended, the last one last."""
    settings.TRACSYNC_TRACES = True
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(tracing, "_tracer", lambda pid: provider.get_tracer("tests"))
    return exporter.get_finished_spans


@pytest.mark.django_db
def test_a_claim_its_destinations_and_their_calls(frozen, recording, make_destination, make_profile, spans):
    make_destination("crm", mapping={"mail": "profile@mail"})
    make_destination("shop", mapping={"mail": "profile@mail"})
    recording.script(Rejected(f"{PERSON} is not wanted"))
    make_profile(PERSON, mail=PERSON)
    frozen.forward(20)
    loop.tick()
    found = spans()
    [push] = [one for one in found if one.name == "push"]
    deliveries = {one.attributes["tracsync.destination"]: one for one in found if one.name == "deliver"}
    calls = {one.attributes["tracsync.destination"]: one for one in found if one.name == "call"}
    assert deliveries.keys() == calls.keys() == {"crm", "shop"}
    assert push.attributes == {"tracsync.rows": 2}
    for slug, delivery in deliveries.items():
        assert delivery.parent.span_id == push.context.span_id
        assert calls[slug].parent.span_id == delivery.context.span_id
        assert calls[slug].attributes["tracsync.pushes"] == 1
    assert PERSON not in "".join(one.to_json() for one in found)


@pytest.mark.django_db
def test_a_request_is_named_by_its_route(api, make_profile, spans):
    make_profile(PERSON)
    trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    headers = {"HTTP_TRACEPARENT": f"00-{trace}-{parent}-01"}
    assert api.client.get(f"/api/v1/profiles/{PERSON}/", **headers).status_code == 200
    [span] = spans()
    assert span.name == "GET /api/v1/profiles/<id>/"
    assert span.attributes["http.response.status_code"] == 200
    assert (f"{span.context.trace_id:032x}", f"{span.parent.span_id:016x}") == (trace, parent)
    assert PERSON not in span.to_json()


def test_spans_go_where_the_environment_says(monkeypatch, settings):
    arrived = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self):
            arrived.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    settings.TRACSYNC_TRACES = True
    tracing._tracer.cache_clear()
    try:
        with tracing.span("push", rows=3) as span:
            pass
        tracing._tracer(0)  # another process's: the one before has ended
        span._span_processor.shutdown()
    finally:
        tracing._tracer.cache_clear()
        server.shutdown()
        server.server_close()
    [(path, body)] = arrived
    assert path == "/v1/traces"
    assert b"tracsync.rows" in body


def test_off_nothing_of_it_is_loaded():
    code = (
        "import sys, django; django.setup()\n"
        "from destinations.sync import tracing\n"
        "with tracing.span('push', tracing.here(), rows=1): pass\n"
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
