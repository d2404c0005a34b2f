"""MQTT: paho's client with its thread, as its manual has it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from destinations.connectors import libraries
from destinations.connectors.base import Delivery
from destinations.connectors.mqtt.connector import Mqtt
from tracsync.bench.inside import CannotMeasureError

from .subject import LOOPBACK, Bodies, Subject, check, server

PATIENCE = 30.0  # seconds


@contextmanager
def measured(url: str) -> Iterator[Subject]:
    library = libraries.load("paho.mqtt.client", "mqtt")
    given, name = server(url, 1883), f"tracsync_bench_{uuid.uuid4().hex[:12]}"
    client = library.Client(library.CallbackAPIVersion.VERSION2, protocol=library.MQTTv5)
    if "user" in given:
        client.username_pw_set(given["user"], given["password"])
    try:
        client.connect(given["host"], given["port"])
    except OSError as error:
        raise CannotMeasureError(f"no MQTT broker can be reached: {type(error).__name__}") from None
    client.loop_start()
    bodies = Bodies()

    def bare(deliveries: Sequence[Delivery]) -> None:
        sent = [client.publish(name, body, 1) for body in bodies.make(deliveries)]
        for one in sent:
            one.wait_for_publish(PATIENCE)
        check(all(one.is_published() for one in sent), "MQTT")

    try:
        with Mqtt().open(given, {"topic": name, "unmatched": "accept"}, LOOPBACK) as session:
            yield Subject(
                "MQTT: messages acknowledged by the broker",
                session,
                Mqtt.batch_size,
                "bare paho-mqtt",
                bare,
                "QoS 1, not retained, nobody subscribes",
            )
    finally:
        client.disconnect()
        client.loop_stop()
