"""Traces for OpenTelemetry, where TRACSYNC_TRACES asks for them. Where they go say OTEL_... variables, as
https://opentelemetry.io/docs/specs/otel/protocol/exporter/ has them.

Spans tell of destinations, numbers and durations, never of a profile: no id, no address, no text of others.
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from multiprocessing import util
from typing import Any

from django.conf import settings

_NOTHING: AbstractContextManager[Any] = nullcontext()


def span(name: str, parent: Any = None, **attributes: str | int) -> AbstractContextManager[Any]:
    """A part of a trace, as long as the context lasts; gives the span, or None where traces are off.

    `parent`: as `here` gave it to another thread, or `sent_with` to a request. Attributes are called
    `tracsync.NAME`.
    """
    if not settings.TRACSYNC_TRACES:
        return _NOTHING
    named = {f"tracsync.{key}": value for key, value in attributes.items()}
    opened: AbstractContextManager[Any] = _tracer(os.getpid()).start_as_current_span(
        name, context=parent, attributes=named, record_exception=False, set_status_on_exception=False
    )
    return opened


def here() -> Any:
    """The span that is open in this thread, for others that work for it."""
    if not settings.TRACSYNC_TRACES:
        return None
    from opentelemetry import context

    return context.get_current()


def sent_with(headers: Any) -> Any:
    """The span of whoever sent these headers (`traceparent`), if they say one."""
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract({name.lower(): value for name, value in headers.items()})


@lru_cache(maxsize=1)
def _tracer(pid: int) -> Any:
    """Of this process: threads that send, and locks, do not survive a fork."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME", "tracsync")})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    util.Finalize(None, provider.shutdown, exitpriority=1)  # children of the cluster know no atexit
    return provider.get_tracer("tracsync")
