"""Turn the refusal of a rule into an error beside the field."""

from collections.abc import Callable
from typing import TypeVar

from django.core.exceptions import ValidationError

T = TypeVar("T")


def cleaned(read: Callable[[str], T], text: str) -> T:
    """Return `read(text)`. Raises ValidationError where that raises ValueError."""
    try:
        return read(text)
    except ValueError as error:
        raise ValidationError(str(error)) from error
