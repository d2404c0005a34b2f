"""OAuth tokens of resources, and the moments in which a person gives them."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from destinations.models.resources import Resource
from tracsync.common.encryption import EncryptedJSONField
from tracsync.common.translation import MessageField


class AccessToken(models.Model):
    """The token of a resource's production or test credentials; see `destinations.sync.tokens.store`."""

    resource = models.ForeignKey(Resource, models.CASCADE)
    use_test = models.BooleanField()
    value = EncryptedJSONField(null=True)  # the token with its refresh token, scope and extras
    expires_at = models.DateTimeField(null=True)
    renewing_until = models.DateTimeField(null=True)  # the lease of whoever renews it
    asked_at = models.DateTimeField(null=True)  # a renewal began then of which no answer is known
    renewed_at = models.DateTimeField(null=True)
    authorised_at = models.DateTimeField(null=True)  # by a person
    authorised_by = models.CharField(max_length=150, default="", db_default="")
    problem = MessageField(default="", db_default="")  # why nothing but a person can renew it
    problem_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("access token")
        verbose_name_plural = _("access tokens")
        constraints = (models.UniqueConstraint(fields=("resource", "use_test"), name="one_token_per_set"),)

    def __str__(self) -> str:
        return f"access token of resource {self.resource_id}"


class AuthorisationRequest(models.Model):
    """A person was sent to a service and has not come back yet; see `destinations.operations.authorise`."""

    state = models.CharField(primary_key=True, max_length=64)  # the hash of what came along
    user = models.CharField(max_length=64)  # the id; a dump of this app alone can be loaded
    resource = models.ForeignKey(Resource, models.CASCADE)
    use_test = models.BooleanField()
    secrets = EncryptedJSONField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("authorisation under way")
        verbose_name_plural = _("authorisations under way")
        default_permissions = ()

    def __str__(self) -> str:
        return f"authorisation of resource {self.resource_id}"
