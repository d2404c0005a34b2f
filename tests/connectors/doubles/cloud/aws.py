"""SQS, SNS, Kinesis, EventBridge and S3: moto, an implementation of AWS's interfaces by others, as a server.

Moto lets everybody in and refuses nothing for its size, so a gate before it knows the access key and how much
AWS takes in a call. What AWS says to wrong keys is from its documentation ("Common errors").
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Sequence
from http.client import HTTPConnection
from typing import Any, ClassVar, Self
from urllib.parse import parse_qs

from destinations.connectors.testing import SeenRequest
from destinations.connectors.testing.doubles.system import Answered, System, said

REGION = "eu-central-1"
ACCESS_KEY, SECRET_KEY = "AKIATESTS", "aws-key-s3cret"
OWN_HEADERS = ("connection", "content-length", "date", "server", "transfer-encoding")


class Aws(System):
    """`service`: its name in signatures and for boto3. `asking`: the calls that change nothing."""

    service: ClassVar[str]
    asking: ClassVar[bytes]
    largest: ClassVar[int]  # bytes of a call

    def __init__(self) -> None:
        super().__init__()
        keys = {"region": REGION, "access_key": ACCESS_KEY, "secret_key": SECRET_KEY}
        self.credentials = {"base_url": self.url, **keys, "session_token": ""}
        self.wrong_credentials = {**self.credentials, "access_key": "AKIAOTHER"}
        self.varies = ("X-Amz-Date", "Authorization")

    def __enter__(self) -> Self:
        from moto.server import ThreadedMotoServer  # it takes long, and most processes do without

        self._moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self._moto.start()
        self._address = self._moto.get_host_and_port()
        self._forwarded(SeenRequest("POST", "/moto-api/reset", {}, b""))
        self.client = self.client_of(self.service)
        self.set_up()
        return super().__enter__()

    def client_of(self, service: str) -> Any:
        """AWS's own client of a service, at moto without the gate."""
        import boto3

        address = "http://{}:{}".format(*self._address)
        keys = {"aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET_KEY}
        return boto3.client(service, endpoint_url=address, region_name=REGION, **keys)

    def __exit__(self, *raised: Any) -> None:
        super().__exit__(*raised)
        self._moto.stop()

    def set_up(self) -> None:
        """Make what the settings name."""
        raise NotImplementedError

    def documents(self, request: SeenRequest) -> list[Any]:
        """The documents in a call, in order."""
        raise NotImplementedError

    def payload(self, number: int) -> Any:
        return {"id": f"person-{number}", f"only_{number}": "x"}

    def refused(self) -> Sequence[Any]:
        return [{"about": "ultramarine " * (self.largest // 10)}, {"name": "ultramarine \ud800"}]

    def received(self) -> Sequence[Any]:
        calls = [one for one in self.seen if self.changes(one) and len(one.body) <= self.largest]
        return [document["payload"] for one in calls for document in self.documents(one)]

    def changes(self, request: SeenRequest) -> bool:
        told = request.headers.get("X-Amz-Target", "").encode() or request.body
        return self.asking not in told

    def answer(self, request: SeenRequest) -> Answered:
        if not self.lets_in(request):
            return self.refusal(request)
        if len(request.body) > self.largest:
            return said(
                400, {"__type": "ValidationException", "message": f"too long: {request.body[:900]!r}"}
            )
        return self._forwarded(request)

    def lets_in(self, request: Any) -> bool:
        signed = request.headers.get("Authorization", "")
        return f"Credential={ACCESS_KEY}/" in signed and f"/{REGION}/{self.service}/aws4_request" in signed

    def refusal(self, request: Any) -> Answered:
        told = f"The security token in {request.headers.get('Authorization')} is invalid."
        return said(400, {"__type": "com.amazon.coral.service#UnrecognizedClientException", "message": told})

    def carried_out(self, method: str, path: str, query: str, body: Any) -> Answered:
        raise NotImplementedError  # moto does it

    def _forwarded(self, request: SeenRequest) -> Answered:
        connection = HTTPConnection(*self._address, timeout=30)
        try:
            connection.request(request.method, request.path, request.body, dict(request.headers))
            reply = connection.getresponse()
            content = reply.read()
        finally:
            connection.close()
        headers = {name: value for name, value in reply.getheaders() if name.lower() not in OWN_HEADERS}
        return reply.status, headers, content


class Sqs(Aws):
    slug = service = "sqs"
    asking = b"GetQueueAttributes"
    largest = 1024 * 1024

    def set_up(self) -> None:
        attributes = {"FifoQueue": "true"} if self.fifo else {}
        made = self.client.create_queue(QueueName=f"profiles{self.fifo}", Attributes=attributes)
        self.settings = {"queue_url": made["QueueUrl"]}

    fifo: ClassVar[str] = ""

    def documents(self, request: SeenRequest) -> list[Any]:
        return [json.loads(one["MessageBody"]) for one in json.loads(request.body)["Entries"]]


class SqsFifo(Sqs):
    fifo = ".fifo"


class Sns(Aws):
    slug = service = "sns"
    asking = b"GetTopicAttributes"
    largest = 256 * 1024

    def set_up(self) -> None:
        self.settings = {"topic_arn": self.client.create_topic(Name="profiles")["TopicArn"]}

    def documents(self, request: SeenRequest) -> list[Any]:
        (message,) = parse_qs(request.body.decode())["Message"]
        return [json.loads(message)]

    def refusal(self, request: Any) -> Answered:
        told = f"The security token in {request.headers.get('Authorization')} is invalid."
        fault = (
            f"<Error><Type>Sender</Type><Code>InvalidClientTokenId</Code><Message>{told}</Message></Error>"
        )
        return 403, {"Content-Type": "text/xml"}, f"<ErrorResponse>{fault}</ErrorResponse>".encode()


class Kinesis(Aws):
    slug = service = "kinesis"
    asking = b"DescribeStreamSummary"
    largest = 5 * 1024 * 1024
    settings = {"stream": "profiles"}

    def set_up(self) -> None:
        self.client.create_stream(StreamName="profiles", ShardCount=1)

    def documents(self, request: SeenRequest) -> list[Any]:
        return [json.loads(b64decode(one["Data"])) for one in json.loads(request.body)["Records"]]


class EventBridge(Aws):
    slug = "eventbridge"
    service = "events"
    asking = b"DescribeEventBus"
    largest = 256 * 1024
    settings = {"event_bus": "profiles", "source": "tracsync", "detail_type": "profile"}

    def set_up(self) -> None:
        self.client.create_event_bus(Name="profiles")

    def documents(self, request: SeenRequest) -> list[Any]:
        return [json.loads(one["Detail"]) for one in json.loads(request.body)["Entries"]]


class S3(Aws):
    """With the bucket's name in the path, as most that are not AWS want it."""

    slug = service = "s3"
    largest = 5 * 1024 * 1024 * 1024
    settings = {"folder": "profiles"}

    def set_up(self) -> None:
        place = {"LocationConstraint": REGION}
        self.client.create_bucket(Bucket="customers", CreateBucketConfiguration=place)
        self.credentials = {**self.credentials, "base_url": f"{self.url}/customers"}
        self.wrong_credentials = {**self.wrong_credentials, "base_url": f"{self.url}/customers"}

    def refused(self) -> Sequence[Any]:
        return [{"name": "ultramarine \ud800"}]

    def changes(self, request: SeenRequest) -> bool:
        return request.method != "GET"

    def documents(self, request: SeenRequest) -> list[Any]:
        return [{"payload": json.loads(request.body)}] if request.body else []

    def refusal(self, request: Any) -> Answered:
        told = "The AWS Access Key Id you provided does not exist in our records."
        key = request.headers.get("Authorization")
        return _fault(403, "InvalidAccessKeyId", f"{told} {key}")


def _fault(status: int, code: str, message: str) -> Answered:
    """As S3 says it."""
    body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return status, {"Content-Type": "application/xml"}, body.encode()
