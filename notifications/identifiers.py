"""The id of a notice as its return-path carries it, so that what comes back names what it is about."""

from base64 import b32decode, b32encode
from binascii import Error
from uuid import UUID

_PADDING = "======"


def identifier(pk: UUID) -> str:
    """Return `pk` as 26 characters of a-z and 2-7: as long as a mark may be (`messages_app.loop_token`)."""
    return b32encode(pk.bytes).decode().rstrip("=").lower()


def notice_id(text: str) -> UUID | None:
    """Return the id that `identifier` wrote, or None where `text` is none, as in a mark that names no row."""
    try:
        return UUID(bytes=b32decode(text.upper() + _PADDING))
    except (Error, ValueError):
        return None
