"""When two refusals say the same: answers as systems write them, whose ids and moments are new in each."""

import pytest

from destinations.sync.remote.refusals import are_alike

REFUSED = "answered 400: "
NEW_IN_EACH = {
    "HubSpot": (
        '{"status":"error","message":"Invalid input","correlationId":"aeb5f871-7f07-4993-9211-075dc63e7cbf"}',
        '{"status":"error","message":"Invalid input","correlationId":"0f2c7c55-9b05-4c3e-b8b6-5d1d3f8f2a10"}',
    ),
    "Spring": (
        '{"timestamp":"2026-11-28T15:31:03.271+00:00","status":404,"error":"Not Found","path":"/people"}',
        '{"timestamp":"2026-11-28T15:31:04.008+00:00","status":404,"error":"Not Found","path":"/people"}',
    ),
    "an older Spring": (
        '{"timestamp":1795879863271,"status":404,"error":"Not Found"}',
        '{"timestamp":1795879864008,"status":404,"error":"Not Found"}',
    ),
    "ASP.NET": (
        '{"title":"Bad Request","traceId":"00-982607166a542147b435be3a847ddd71-fc75498eb9f09d48-00"}',
        '{"title":"Bad Request","traceId":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"}',
    ),
    "S3": (
        "<Code>NoSuchBucket</Code><RequestId>4442587FB7D0A2F9</RequestId>",
        "<Code>NoSuchBucket</Code><RequestId>0D5E3C7A91B2F648</RequestId>",
    ),
    "Cloudflare": ("No. Ray ID: 8f1c2d3e4b5a6978 15:31:03", "No. Ray ID: 7a0b1c2d3e4f5061 15:31:04"),
    "Stripe": ("see /test/logs/req_Ts7dFNtZYfzWbi", "see /test/logs/req_5kY2vbq0FhUe1n"),
    "one that begins with figures": (
        '{"error":"disabled","id":"000009266b055b4c8e8cadfa7181b60c","at":1795880716.271}',
        '{"error":"disabled","id":"00000012345678901c8e8cadfa7181b6","at":1795880717.5}',
    ),
    "one that was cut off": ("no field x, correlationId: aeb5f8…", "no field x, correlationId: 0f2c7c…"),
}  # fmt: skip


@pytest.mark.parametrize("said", NEW_IN_EACH.values(), ids=NEW_IN_EACH)
def test_what_is_new_in_each_answer_makes_no_other_refusal(said):
    one, other = said
    assert are_alike(REFUSED + one, REFUSED + other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("bad value 1", "bad value 2"),
        ("no field shipping_address_1", "no field shipping_address_2"),
        ("code 40001: no name", "code 40002: no address"),
        ("no first_name_field", "no middle_name_field"),
        ("not before 2026-11-28", "not before 2026-11-29"),
        ("", "no name"),
    ],
)
def test_what_is_about_something_else_does(one, other):
    assert not are_alike(REFUSED + one, REFUSED + other)
