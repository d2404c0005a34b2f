"""Google's Data Manager, which takes members of customer lists.

From: developers.google.com/data-manager (audienceMembers:ingest and :remove, validateOnly, the answer with
requestId, google.rpc's errors with field violations and their reasons, up to 10,000 members of 10
identifiers); PostHog's template google_data_manager. Not tried against the live service.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, ClassVar

from destinations.connectors.testing.doubles.system import Answered, said
from tests.connectors.doubles.cloud.google import TOKEN, GoogleService, wrong

ACCOUNT, AUDIENCE = "1234567890", "987654321"


class CustomerMatch(GoogleService):
    slug = "google_customer_match"
    scope = "https://www.googleapis.com/auth/datamanager"
    settings = {"account": ACCOUNT, "audience": AUDIENCE, "terms_accepted": True}
    may_manage: ClassVar[bool] = True

    def payload(self, number: int) -> Any:
        address = sha256(b"%d" % number).hexdigest()
        return {"userIdentifiers": [{"emailAddress": address}, {"phoneNumber": address[::-1]}]}

    def refused(self) -> Sequence[Any]:
        name = "a" * 64
        place = {"givenName": name, "familyName": name, "regionCode": "PL", "postalCode": "ultramarine"}
        return [
            {"userIdentifiers": [{"address": place}]},
            {"userIdentifiers": [{"emailAddress": "ultramarine@x.example"}]},
            {"userIdentifiers": [{"address": {**place, "postalCode": "ultramarine \ud800"}}]},
        ]

    def changes(self, request: Any) -> bool:
        is_call = super().changes(request) and request.path != "/token"
        return is_call and b'"validateOnly":true' not in request.body

    def received(self) -> Sequence[Any]:
        return [one["userData"] for call in self.sent() for one in call["audienceMembers"]]

    def carried_out(self, method: str, path: str, query: str, body: Any) -> Answered:
        if path == "/token":
            return self.token(body)
        assert method == "POST"
        verb = path.removeprefix("/v1/audienceMembers:")
        assert verb in ("ingest", "remove")
        if not self.may_manage:
            return wrong(403, "PERMISSION_DENIED", "The caller does not have permission")
        (destination,) = body["destinations"]
        assert destination["operatingAccount"]["accountType"] == "GOOGLE_ADS"
        where = destination["operatingAccount"]["accountId"], destination["productDestinationId"]
        if where != (ACCOUNT, AUDIENCE):
            told = "User list is not valid."
            return _violation("destinations.destinations[0]", "INVALID_USER_LIST_ID", told)
        terms = body.get("termsOfService", {}).get("customerMatchTermsOfServiceStatus")
        if verb == "ingest" and terms != "ACCEPTED":
            told = "Required terms and conditions are not accepted."
            return _violation("terms_of_service", "TERMS_AND_CONDITIONS_NOT_SIGNED", told)
        members = body["audienceMembers"]
        if not members:
            return _violation("audience_members", "REQUIRED_FIELD_MISSING", "Required field is missing.")
        assert body["encoding"] == "HEX"
        assert len(members) <= 10_000
        for at, one in enumerate(members):
            if reason := _reason(one["userData"]["userIdentifiers"]):
                told = f"{one['userData']['userIdentifiers']} is not valid, {TOKEN}"
                return _violation(f"audience_members.audience_members[{at}]", reason, told)
        for identifier in (one for member in members for one in member["userData"]["userIdentifiers"]):
            if not body.get("validateOnly"):
                name = next(iter(identifier.values()))
                self.stored.pop(str(name), None)
                self.stored.update({str(name): identifier} if verb == "ingest" else {})
        return said(200, {"requestId": f"126365e1-16d0-4c81-9de9-{len(self.seen):012}"})


def _reason(identifiers: Sequence[Any]) -> str:
    """What is wrong with a member, "" for nothing."""
    if len(identifiers) > 10:
        return "TOO_MANY_USER_IDENTIFIERS"
    for one in identifiers:
        ((kind, value),) = one.items()
        hashes = [value["givenName"], value["familyName"]] if kind == "address" else [value]
        if not all(re.fullmatch("[0-9a-f]{64}", text) for text in hashes):
            return "INVALID_HEX_ENCODING"
        if kind == "address" and not re.fullmatch(r"[\d-]+", value["postalCode"]):
            return "INVALID_POSTAL_CODE"
    return ""


def _violation(field: str, reason: str, told: str) -> Answered:
    kind = "type.googleapis.com/google.rpc"
    return wrong(
        400,
        "INVALID_ARGUMENT",
        "There was a problem with the request.",
        {"@type": f"{kind}.ErrorInfo", "reason": "INVALID_ARGUMENT", "domain": "datamanager.googleapis.com"},
        {
            "@type": f"{kind}.BadRequest",
            "fieldViolations": [{"field": field, "reason": reason, "description": told}],
        },
    )
