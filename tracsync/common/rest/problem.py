"""What the description of the API says of errors."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


class MistakeSerializer(serializers.Serializer[Any]):
    """One thing that is wrong with a request, and where: in the body, or in the address."""

    detail = serializers.CharField()
    code = serializers.CharField(help_text="Such as required, unique, invalid.")
    pointer = serializers.CharField(
        required=False, help_text="A JSON pointer into the body (RFC 6901), such as #/mapping/email."
    )
    parameter = serializers.CharField(required=False, help_text="The name of a parameter of the address.")


class ProblemSerializer(serializers.Serializer[Any]):
    """What went wrong (RFC 9457)."""

    type = serializers.CharField(help_text="about:blank: `status` and `code` say of which kind it is.")
    title = serializers.CharField(help_text="What the status means.")
    status = serializers.IntegerField()
    code = serializers.CharField(help_text="Of which kind it is, for programs. There may be new ones.")
    detail = serializers.CharField(help_text="A sentence for people.")
    errors = MistakeSerializer(  # type: ignore[assignment]
        many=True, required=False, help_text="Each thing that is wrong with the request (400)."
    )
