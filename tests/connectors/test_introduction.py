"""What a connector says of itself is shown to people, and what it should not say is not."""

from __future__ import annotations

import time
from typing import Any

from destinations.connectors import introduction, registry
from destinations.connectors.testing import RecordingConnector
from tests.cases import for_each


class Foreign(RecordingConnector):
    """As a class of another package, which was written before there were kinds."""


def made(**members: Any) -> Any:
    return type("Made", (Foreign,), members)()


def test_every_connector_of_ours_has_a_kind_and_can_something() -> None:
    for connector in registry.all_connectors():
        if registry.origin(connector.slug).kind == "tracsync":  # type: ignore[union-attr]
            assert introduction.kind_of(connector) != "other", connector.slug
            assert {"updates", "sends"} & set(introduction.can(connector))
            assert introduction.icon_of(connector) == connector.icon


def test_a_class_without_a_kind_is_another_system() -> None:
    assert introduction.kind_of(made()) == "other"
    assert introduction.kind_of(made(kind="magic")) == "other"
    assert introduction.kind_of(made(kind=["crm"])) == "other"
    assert introduction.kind_of(None) == "other"
    assert introduction.can(made(batch_size=1, operations=("upsert",))) == ["updates"]


def test_what_hangs_on_settings_counts_as_what_it_can() -> None:
    assert introduction.can(registry.get("http_api")) == ["updates", "removes", "batches", "reads"]
    assert introduction.can(registry.get("rabbitmq")) == ["sends", "removes", "batches"]
    assert introduction.can(registry.get("redis")) == ["updates", "removes", "batches", "reads"]
    assert "removes" not in introduction.can(registry.get("google_analytics"))


@for_each(
    "icon",
    [
        '<svg viewBox="0 0 24 24"><script>alert(1)</script></svg>',
        '<svg viewBox="0 0 24 24" onload="alert(1)"></svg>',
        '<svg><path d="M0 0" style="x"/></svg>',
        '<svg><path d="M0 0" fill="url(&#34;)"/></svg>',
        '<svg><path d="M0 0" fill="url(https://x.example/a)"/></svg>',
        '<svg><image href="https://x.example/a.png"/></svg>',
        '<svg></svg><img src="x">',
        "<img src=x onerror=alert(1)>",
        "",
        None,
    ],
)
def test_only_plain_drawings_are_shown(icon: Any) -> None:
    assert introduction.icon_of(made(icon=icon)) == introduction.icon_of(None)


def test_a_long_drawing_is_judged_quickly() -> None:
    shapes = '<path d="M0 0"/>' * 5000
    began = time.monotonic()
    assert introduction.icon_of(made(icon=f"<svg>{shapes}<x")) == introduction.icon_of(None)
    assert introduction.icon_of(made(icon=f"<svg>{shapes}</svg>")).endswith("</svg>")
    assert time.monotonic() - began < 5
