"""Mark our own notices, so that intake knows them when they come back.

A smarthost that relays through this gateway would make a circle of notices about
notices. Nobody without settings.LOOP_KEY can make a mark that passes.
"""

import hmac
import re
import secrets
from base64 import b32encode
from datetime import UTC, date, datetime
from hashlib import sha256

from django.conf import settings

# The header field that carries the mark on mail with the null reverse-path.
HEADER = "X-Postern-Notice"
LOCAL_PART = "notice"
# Of replies that were written here: the mark names the message.
REPLY_LOCAL_PART = "bounce"
_MAC_BYTES = 10  # 16 letters: id, date and this stay within the 64 of a local part
_TOKEN = re.compile(r"([a-z0-9]{1,26})-(\d{8})-([a-z2-7]{16})")
_RETURN_PATH = re.compile(rf"({LOCAL_PART}|{REPLY_LOCAL_PART})\+([a-z0-9-]+)@(.+)")


def make(identifier: str = "", day: date | None = None) -> str:
    """Return a mark for `identifier` (1 to 26 of a-z and 0-9; random where empty) and `day` (today in UTC)."""
    identifier = identifier or secrets.token_hex(8)
    body = f"{identifier}-{day or datetime.now(UTC).date():%Y%m%d}"
    token = f"{body}-{_mac(body)}"
    if not _TOKEN.fullmatch(token):
        raise ValueError("an identifier has 1 to 26 characters of a-z and 0-9")
    return token


def verify(token: str) -> str | None:
    """Return the identifier that the mark was made for, or None where we did not make it.

    It does not age: mail can come back after weeks in a queue.
    """
    match = _TOKEN.fullmatch(token.strip().lower())
    if match is None or not hmac.compare_digest(_mac(f"{match[1]}-{match[2]}"), match[3]):
        return None
    return match[1]


def return_path(identifier: str = "", day: date | None = None) -> str:
    """Return the reverse-path of a notice, `notice+MARK@` the portal's host."""
    return f"{LOCAL_PART}+{make(identifier, day)}@{settings.PORTAL_HOST}"


def from_return_path(address: str) -> str | None:
    """Return the identifier of the notice that has this reverse-path, or None where it is not one of ours."""
    return _from_path(LOCAL_PART, address)


def reply_path(identifier: str) -> str:
    """Return the reverse-path of a reply, `bounce+MARK@` the portal's host."""
    return f"{REPLY_LOCAL_PART}+{make(identifier)}@{settings.PORTAL_HOST}"


def from_reply_path(address: str) -> str | None:
    """Return the identifier of the reply that has this reverse-path, or None where it is not one of ours."""
    return _from_path(REPLY_LOCAL_PART, address)


def _from_path(local_part: str, address: str) -> str | None:
    if "+" not in address:  # asked of every address of every message
        return None
    match = _RETURN_PATH.fullmatch(address.lower())
    if match is None or match[1] != local_part or match[3] != settings.PORTAL_HOST.lower():
        return None
    return verify(match[2])


def _mac(body: str) -> str:
    digest = hmac.digest(settings.LOOP_KEY.encode(), b"postern loop " + body.encode(), sha256)
    return b32encode(digest[:_MAC_BYTES]).decode().lower()
