"""The words of connectors' schemas, in the language of whoever fills them in.

Connectors know no Django, so their titles and descriptions are collected here; a test says which are
missing. Those of other packages are shown as they are, or translated by a catalogue of that package.
"""

from __future__ import annotations

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

TEXTS = (
    # HTTP API
    _("Calls a web service once for each changed profile."),
    _("URL"),
    _("The address to call. Its password and query values are not shown again."),
    _("User name"),
    _("For basic authentication, together with the password."),
    _("Password"),
    _("For basic authentication."),
    _("Token"),
    _("Sent as Authorization: Bearer. Not together with a user name."),
    _("Secret headers"),
    _("Headers that carry keys, by name; kept secret."),
    _("Proxy"),
    _("The proxy to go through, such as http://user:password@proxy:3128."),
    _("Method"),
    _("With GET the payload becomes query parameters."),
    _("Timeout"),
    _("Seconds to wait for data; a whole exchange may take twice as long."),
    _("Headers"),
    _("Headers to send, by name. A Content-Type other than JSON changes the body."),
    _("Cookies"),
    _("Cookies to send, by name."),
    _("Verify TLS"),
    _("Verify the server's certificate."),
    _("Verify the server's certificate; off is off for all its destinations."),
    # Mautic
    _("Creates and updates contacts in Mautic, found by their e-mail address."),
    _("API URL"),
    _("Where Mautic is, with or without /api at the end."),
    _("Public key"),
    _("The client id of API credentials of the type OAuth 2."),
    _("Secret key"),
    _("The client secret that belongs to the public key."),
    _("Overwrite with blank"),
    _("Let blank values clear fields in Mautic; otherwise it ignores them."),
    # RabbitMQ
    _("Publishes a message for each changed profile."),
    _("URI"),
    _("amqp://user:password@host:5672/vhost, or amqps:// for TLS."),
    _("Seconds to wait for a connection, and for the broker to confirm a message."),
    _("Queue"),
    _("Where messages go."),
    _("Name"),
    _("The name of the exchange and of the queue bound to it."),
    _("Routing key"),
    _("The routing key of messages, and of the binding."),
    _("Type"),
    _("The type of the exchange."),
    _("Durable"),
    _("Whether the exchange outlives a broker's restart; queues always do."),
    _("Declare automatically"),
    _("Create exchange, queue and binding where they are missing."),
    _("Compression"),
    _("How messages are compressed; gzip is a zlib stream, as in Tracardi."),
    _("Serializer"),
    _("How messages are written."),
)


def translated(text: str) -> str:
    return gettext(text) if text else ""
