"""Deliveries for connectors, and what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from destinations.connectors.base import Delivery


def upsert(key: str, version: int, payload: Any) -> Delivery:
    return Delivery(payload, f"{key}:{version}", key=key, version=version)


def leaving(key: str, version: int, operation: Any = "remove") -> Delivery:
    return Delivery(None, f"{key}:{version}", operation=operation, key=key, version=version)


def kinds(outcomes: Sequence[Any]) -> list[type]:
    return [type(outcome) for outcome in outcomes]
