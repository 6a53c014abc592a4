"""The HTML body put together and sanitised: runs where parsing runs."""

from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import unquote

from messages_app import render
from messages_app.bodies import Assembler, as_html, content_ids


class SanitisedBody(NamedTuple):
    """The HTML body as it is stored."""

    html: str
    # Numbers of the parts that it shows as images.
    shown: list[int]
    refused: bool


def sanitise(assembler: Assembler) -> SanitisedBody:
    """Return the HTML body of a message; `refused` when a limit left only its words."""
    numbers = content_ids(assembler.parts)
    shown: set[int] = set()
    pieces, refused = [], False
    for segment in assembler.html():
        source = segment.text if segment.is_html else as_html(segment.text)
        # Remote images stay in what is stored, for a reader who asks; showing removes them.
        safe = render.safe_html(source, _token_for(numbers, shown), remote_images=True)
        refused = refused or safe.plain_only
        pieces.append(safe.html)
    return SanitisedBody("<hr>".join(pieces), sorted(shown), refused)


def _token_for(numbers: dict[str, int], shown: set[int]) -> Callable[[str], str | None]:
    """Return what `safe_html` asks for an image's address: "cid:<part number>", noted in `shown`."""

    def token(content_id: str) -> str | None:
        number = numbers.get(content_id) or numbers.get(unquote(content_id))
        if number is None:
            return None
        shown.add(number)
        return f"cid:{number}"

    return token
