"""What comes to AWS's services, read there with AWS's own client."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from urllib.parse import quote

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from destinations.connectors import registry
from destinations.connectors.base import Accepted, Delivery
from destinations.connectors.http.auth import aws_sigv4
from destinations.connectors.http.client import Request
from tests.connectors.doubles.cloud.aws import S3, Aws, Kinesis, Sns, SqsFifo

SENT = Delivery({"id": "p-1", "name": "Zoë"}, "1:1", key="p-1", version=3)
REMOVED = Delivery(None, "1:2", operation="erase", key="p-1", version=4)
COMES = [
    {
        "key": "p-1",
        "payload": {"id": "p-1", "name": "Zoë"},
        "remote": {},
        "version": 3,
        "operation": "upsert",
        "idempotency_key": "1:1",
    },
    {
        "key": "p-1",
        "payload": None,
        "remote": {},
        "version": 4,
        "operation": "erase",
        "idempotency_key": "1:2",
    },
]


def pushed(peer: Aws, *deliveries: Delivery) -> None:
    with registry.get(peer.slug).open(peer.credentials, peer.settings, peer.runtime) as session:
        for delivery in deliveries:
            (outcome,) = session.push([delivery])
            assert isinstance(outcome, Accepted)


def messages(client: Any, queue: str) -> list[Any]:
    """All of them; one message group shows its next ones only when those before are deleted."""
    found = []
    while told := client.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        for one in told:
            client.delete_message(QueueUrl=queue, ReceiptHandle=one["ReceiptHandle"])
            found.append(json.loads(one["Body"]))
    return found


def test_a_fifo_queue_keeps_the_order_and_drops_a_repeat() -> None:
    with SqsFifo() as peer:
        pushed(peer, SENT, SENT, REMOVED)
        assert messages(peer.client, peer.settings["queue_url"]) == COMES


def test_a_topic_hands_messages_on() -> None:
    with Sns() as peer:
        queues = peer.client_of("sqs")
        queue = queues.create_queue(QueueName="of-the-topic")["QueueUrl"]
        arn = queues.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"][
            "QueueArn"
        ]
        topic = peer.settings["topic_arn"]
        peer.client.subscribe(
            TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"}
        )
        pushed(peer, SENT, REMOVED)
        assert messages(queues, queue) == COMES


def test_records_of_one_profile_stand_in_order_in_its_shard() -> None:
    with Kinesis() as peer:
        pushed(peer, SENT, REMOVED)
        (shard,) = peer.client.describe_stream(StreamName="profiles")["StreamDescription"]["Shards"]
        begin = peer.client.get_shard_iterator(
            StreamName="profiles", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )
        records = peer.client.get_records(ShardIterator=begin["ShardIterator"])["Records"]
    assert [json.loads(one["Data"]) for one in records] == COMES
    assert {one["PartitionKey"] for one in records} == {"p-1"}


def test_a_bucket_has_an_object_for_each_profile() -> None:
    with S3() as peer:
        pushed(peer, SENT)
        held = peer.client.get_object(Bucket="customers", Key="profiles/p-1.json")
        assert json.load(held["Body"]) == SENT.payload
        assert held["ContentType"] == "application/json"
        assert held["Metadata"] == {"version": "3", "idempotency-key": "1:1"}
        pushed(peer, REMOVED)
        assert "Contents" not in peer.client.list_objects_v2(Bucket="customers")


def test_the_object_that_is_shown_is_the_one_that_is_there() -> None:
    with S3() as peer:
        told: Any = registry.get(peer.slug).describe(peer.credentials, peer.settings, SENT)
        pushed(peer, SENT)
        there = peer.client.get_object(Bucket="customers", Key="profiles/p-1.json")
        assert told["body"].encode() == there["Body"].read()
    assert told["url"].endswith("/customers/profiles/p-1.json")
    headers = {key.lower(): value for key, value in told["headers"].items()}
    assert headers["content-type"] == there["ContentType"]
    prefix = "x-amz-meta-"
    meta = {key.removeprefix(prefix): text for key, text in headers.items() if key.startswith(prefix)}
    assert meta == there["Metadata"]
    assert meta["version"] == "3"


@pytest.mark.parametrize("key", ["p-1", "a/b", "Zoë +%~?", "user@x.example"])
@pytest.mark.parametrize("token", ["", "session-t0ken"])
def test_a_call_to_s3_is_signed_as_by_aws_own_client(key: str, token: str) -> None:
    url = f"https://customers.s3.eu-central-1.amazonaws.com/profiles/{quote(key, safe='')}.json"
    data, headers = b'{"id":"p-1"}', {"Content-Type": "application/json", "x-amz-meta-version": "3"}
    theirs = AWSRequest("PUT", url.replace("%2F", "/"), headers, data)
    S3SigV4Auth(Credentials("AKIATESTS", "s3cret", token or None), "s3", "eu-central-1").add_auth(theirs)
    moment = datetime.strptime(theirs.headers["X-Amz-Date"], "%Y%m%dT%H%M%S%z")
    keys = aws_sigv4.Credentials("AKIATESTS", "s3cret", "eu-central-1", "s3", token)
    ours = aws_sigv4.signed(Request("PUT", url, headers, data), keys, moment)
    assert theirs.headers["Authorization"] == ours.headers["Authorization"]
