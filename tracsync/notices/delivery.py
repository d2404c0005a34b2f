"""Sending one notice: by e-mail, to a webhook that checks a signature, to Slack or to Microsoft Teams."""

from __future__ import annotations

import json
import smtplib
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage

from destinations.connectors.addresses import Guard
from destinations.connectors.base import Accepted, ConfigurationError
from destinations.connectors.http import replies
from destinations.connectors.http.auth import webhook_signature
from destinations.connectors.http.client import HttpClient, NoAnswer, NotSent, Request
from destinations.connectors.redaction import MASK, Redactor
from tracsync.common.messages import message
from tracsync.models import NoticeChannel
from tracsync.notices import channels, words
from tracsync.notices.words import Content

SECONDS = 10.0  # to wait for an answer; an exchange may take twice as long
MOST_TEXT = 3000  # characters that Slack takes in one piece
SIGNED = "standard-webhooks"
Kind = NoticeChannel.Kind


class NotDelivered(Exception):
    """It was not taken, and why: a message, without secrets and addresses."""


@dataclass(frozen=True, slots=True)
class Message:
    """All that sending needs, so that it needs no database. `number` is the same for each try."""

    kind: str
    recipients: list[str] = field(repr=False)
    secret: str = field(repr=False)
    content: Content
    number: uuid.UUID


def message_for(channel: NoticeChannel, content: Content, number: uuid.UUID) -> Message:
    """Raises UndecryptableValue; an e-mail needs no secret."""
    recipients = channels.recipients(channel)
    secret = channel.secrets.get("signing_secret", "") if channel.kind == Kind.WEBHOOK else ""
    return Message(channel.kind, recipients, secret, content, number)


def send(notice: Message) -> None:
    """Raises NotDelivered."""
    if not notice.recipients:
        raise NotDelivered(message("there is no address that it may be sent to"))
    if notice.kind == Kind.EMAIL:
        _mail(notice)
    else:
        _post(notice)


def _mail(notice: Message) -> None:
    number = f"<{notice.number}@{settings.DEFAULT_FROM_EMAIL.rpartition('@')[2].strip('>') or 'localhost'}>"
    mail = EmailMessage(
        words.subject(notice.content),
        words.as_text(notice.content),
        to=notice.recipients,
        headers={"Message-ID": number, "Auto-Submitted": "auto-generated"},
    )
    try:
        mail.send()
    except Exception as error:
        raise NotDelivered(_mail_failure(error)) from None


def _mail_failure(error: Exception) -> str:
    """Without what the server said, which names addresses."""
    match error:
        case smtplib.SMTPAuthenticationError():
            return message("the mail server refused the user or the password")
        case smtplib.SMTPRecipientsRefused():
            return message("the mail server refused the recipients")
        case smtplib.SMTPResponseException():
            return message("the mail server answered %(code)s", code=error.smtp_code)
        case TimeoutError() | smtplib.SMTPServerDisconnected() if "timed out" in str(error):
            return message("the mail server did not answer in time")
        case smtplib.SMTPException() | OSError():
            return message("the mail server cannot be used (%(error)s)", error=type(error).__name__)
    return message("the e-mail could not be made (%(error)s)", error=type(error).__name__)


def _post(notice: Message) -> None:
    [url] = notice.recipients
    body = {Kind.WEBHOOK: _webhook, Kind.SLACK: _slack, Kind.TEAMS: _teams}[Kind(notice.kind)](notice.content)
    redactor = Redactor([url, notice.secret] if notice.secret else [url])
    headers = {"Content-Type": "application/json; charset=utf-8"}
    request = Request("POST", url, headers, json.dumps(body, ensure_ascii=False).encode(), MASK)
    try:
        if notice.kind == Kind.WEBHOOK:
            signer = webhook_signature.signer(SIGNED, [notice.secret])
            request = signer.signed(request, f"notice_{notice.number}", int(time.time()))
        reply = _answered(request, redactor)
    except (ConfigurationError, NotSent, NoAnswer) as error:
        raise NotDelivered(str(error)) from None
    outcome = replies.outcome(reply, redactor)
    if not isinstance(outcome, Accepted):
        raise NotDelivered(outcome.reason)


def _answered(request: Request, redactor: Redactor) -> replies.Reply:
    client = HttpClient(Guard(settings.TRACSYNC_ALLOWED_INTERNAL_NETWORKS), redactor, timeout=SECONDS)
    try:
        return client.send(request)
    finally:
        client.close()


def _webhook(content: Content) -> dict[str, Any]:
    """As Standard Webhooks has it: a type, a moment, and the data."""
    data = {name: value for name, value in content.items() if name not in ("type", "subject")}
    moment = content["closed_at"] or content["opened_at"]
    return {"type": content["type"], "timestamp": moment, "data": data}


def _slack(content: Content) -> dict[str, Any]:
    """Blocks of plain text: what other systems have said is not read as markup.

    https://docs.slack.dev/reference/block-kit/blocks
    """
    figures = "\n".join(f"{label}: {value}" for label, value in content["figures"])
    pieces = (content["title"], content["sentence"], figures)
    blocks: list[dict[str, Any]] = [
        {"type": "section", "text": {"type": "plain_text", "text": _cut(piece), "emoji": False}}
        for piece in pieces
        if piece
    ]
    link = {"type": "section", "text": {"type": "mrkdwn", "text": f"<{content['link']}>"}}
    escaped = content["title"].replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return {"text": _cut(escaped), "blocks": [*blocks, link]}


def _teams(content: Content) -> dict[str, Any]:
    """An adaptive card; text runs are not read as Markdown.

    https://adaptivecards.io/explorer/RichTextBlock.html
    """
    lines = [content["sentence"], *(f"{label}: {value}" for label, value in content["figures"])]
    title = {"type": "TextRun", "text": content["title"], "weight": "bolder", "size": "medium"}
    body = [{"type": "RichTextBlock", "inlines": [title]}]
    body += [
        {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": line}]} for line in lines if line
    ]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
        "actions": [{"type": "Action.OpenUrl", "title": "tracsync", "url": content["link"]}],
    }
    kind = "application/vnd.microsoft.card.adaptive"
    return {"type": "message", "attachments": [{"contentType": kind, "content": card}]}


def _cut(text: str) -> str:
    return text if len(text) <= MOST_TEXT else f"{text[: MOST_TEXT - 1]}…"
