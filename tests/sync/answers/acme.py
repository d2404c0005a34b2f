"""A connector that is a file, and the system that it speaks to."""

from __future__ import annotations

import json
from pathlib import Path

from destinations import configuration
from destinations.connectors.testing import HttpPeer
from destinations.models import Destination, Extension, Resource
from tests.conftest import START


class AcmePeer(HttpPeer):
    """What the system was sent; a subclass says what it answers."""

    def payload(self, number):
        return {"email": f"person-{number}@x.example"}

    def received(self):
        return [json.loads(one.body) for one in self.seen if one.body]


def installed(folder: Path, text: str, url: str) -> Path:
    """The file, installed, with a destination that sends profiles' e-mails to this address."""
    path = folder / "acme.json"
    path.write_text(text, encoding="utf-8")
    extension = Extension.objects.create(slug="acme", name="Acme", installed_at=START)
    production = {"token": "t0ken-of-acme", "base_url": url}
    resource = Resource.objects.create(name="acme", type=extension, production=production)
    configuration.save(
        Destination(name="crm", resource=resource, mapping={"email": "profile@email"}, quiet_period=20)
    )
    return path
