"""The message as it was accepted, read back from wherever its sealed bytes lie."""

from io import BufferedReader

from messages_app import store
from messages_app.models import Message
from messages_app.sealing.content import ContentKey

NAME = "raw"
# Blocks as large as a sealed segment, so that none is opened twice.
BLOCK = 256 * 1024


def open_raw(message: Message, key: ContentKey) -> BufferedReader:
    """Return a seekable reader of `message`'s bytes; each block is verified as it is read. Raises `Broken`."""
    return BufferedReader(key.reader(store.open_sealed(message.sealed_raw, message.pk, NAME), NAME), BLOCK)
