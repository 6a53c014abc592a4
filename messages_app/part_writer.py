"""Where the bytes of one part of a message go."""

from typing import Protocol


class PartWriter(Protocol):
    """Takes a part block by block."""

    def write(self, data: bytes, /) -> object:
        """Take a block."""

    def close(self) -> object:
        """Take note that the part is complete."""
