"""The headers of a parsed message as they are sealed: JSON, made once, read by every page."""

import json
from collections.abc import Iterable
from typing import Any

from cryptography.utils import Buffer

from messages_app.bodies import ParsedMessage
from messages_app.rules.addresses import Mailbox
from messages_app.sealing.content import ContentKey

FIELD = "headers"
_DECODE = json.JSONDecoder().raw_decode
Headers = dict[str, Any]


def of(parsed: ParsedMessage, reverse_path: str) -> Headers:
    """Return what pages and replies need of `parsed`. Without a From, the envelope's sender stands in."""
    headers = parsed.headers
    author = headers.from_[0] if headers.from_ else Mailbox("", reverse_path)
    return {
        "subject": headers.subject,
        "from": author._asdict(),
        "sender": _people(headers.sender),
        "reply_to": _people(headers.reply_to),
        "to": _people(headers.to),
        "cc": _people(headers.cc),
        "date": headers.date,
        "message_id": headers.message_id,
        "references": list(dict.fromkeys([*headers.references, *headers.in_reply_to])),
        "has_attachments": any(part.role == "attachment" for part in parsed.parts),
        "truncated": parsed.truncated or parsed.overflow or parsed.html_refused,
        # Why it is so, for the words of the page.
        "overflow": parsed.overflow,
        "html_refused": parsed.html_refused,
        "unparsed": parsed.unparsed,
    }


def seal(key: ContentKey, headers: Headers) -> bytes:
    """Return `headers` sealed."""
    return key.seal_field(FIELD, json.dumps(headers).encode())


def unseal(key: ContentKey, sealed: Buffer | None) -> Headers:
    """Return the headers in `sealed`. Raises sealing.errors.Broken."""
    # By the decoder itself: what is around it takes as long again, fifty times a page.
    headers: Headers = _DECODE(key.open_field(FIELD, bytes(sealed or b"")).decode())[0]
    return headers


def _people(mailboxes: Iterable[Mailbox]) -> list[dict[str, str]]:
    return [mailbox._asdict() for mailbox in mailboxes]
