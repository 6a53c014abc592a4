"""Read settings from the environment: typed, with `NAME_FILE` for secrets.

`NAME_FILE=/run/secrets/name` stands for `NAME=<contents of that file>`, as in
docker and systemd credentials. Booleans accept True, False or nothing; any
other word is an error, because "no" read as true has disabled safety before.
"""

import re
from collections.abc import Callable, Collection
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import TypeVar

import environ
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.FileAwareEnv()

# Such as every reader recognises; addresses that need quotes or escapes are for other settings.
_MAILBOX = re.compile(r"[A-Za-z0-9._+-]+@[\w-]+(\.[\w-]+)*")

T = TypeVar("T")
Network = IPv4Network | IPv6Network


def boolean(name: str, *, default: bool = False) -> bool:
    """Return the boolean called `name`; only True, False and empty are understood."""
    text = env.str(name, default="")
    if text not in {"True", "False", ""}:
        message = f"{name} must be True, False or empty, not {text!r}"
        raise ImproperlyConfigured(message)
    return default if text == "" else text == "True"


def networks(name: str) -> list[Network]:
    """Return the comma-separated CIDR networks called `name`; none where it is empty."""
    return [ip_network(part) for part in env.list(name, default=[])]


def path(name: str, default: Path | None) -> Path | None:
    """Return the path called `name`, `default` where it is not set, None where it is set empty."""
    text = env.str(name, default=None)
    if text is None:
        return default
    return BASE_DIR / text if text else None


def mailbox(name: str) -> str:
    """Return the mailbox called `name`, bare and such as stands in a link as it is; "" where there is none."""
    text: str = env.str(name, default="").strip()
    if text and not _MAILBOX.fullmatch(text):
        message = f"{name} must be one address, such as help@home.example, not {text!r}"
        raise ImproperlyConfigured(message)
    return text


def choice(name: str, among: Collection[str], *, default: str) -> str:
    """Return the word called `name`, which must be `among` those that there are."""
    text: str = env.str(name, default="") or default
    if text not in among:
        message = f"{name} must be one of {', '.join(among)}, not {text!r}"
        raise ImproperlyConfigured(message)
    return text


def parsed(name: str, parse: Callable[[str], T]) -> T:
    """Return what `parse` makes of the text called `name`; its ValueError becomes a wrong setting, by its name."""
    try:
        return parse(env.str(name, default=""))
    except ValueError as error:
        message = f"{name}: {error}"
        raise ImproperlyConfigured(message) from None


def seconds(name: str, default: int) -> int:
    """Return the positive whole number of seconds called `name`."""
    value = int(env.int(name, default=default))
    if value <= 0:
        message = f"{name} must be a positive number of seconds, not {value}"
        raise ImproperlyConfigured(message)
    return value
