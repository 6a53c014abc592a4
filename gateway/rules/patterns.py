"""What staff write in a policy or a relay, in the one form in which it is looked up."""

from ipaddress import ip_address

from gateway.rules import names
from gateway.rules.routing import DEFAULT_PATTERN, parse_next_hop
from messages_app.rules.mailbox import BadDomain, to_a_label


def normal_pattern(text: str) -> str:
    """Return a policy's pattern in lower case, its domain as A-label: an address, a domain, `.parent` or `*`.

    Raises ValueError for anything else.
    """
    text = text.strip().lower()
    if text == DEFAULT_PATTERN:
        return text
    local, at, domain = text.rpartition("@")
    if at and (not local or any(character.isspace() for character in local)):
        raise ValueError(f"{text} is not an address")
    dot = "" if at or not domain.startswith(".") else "."
    return f"{local}{at}{dot}{normal_domain(domain.removeprefix(dot))}"


def normal_domain(text: str) -> str:
    """Return a domain as A-label in lower case. Raises ValueError for what is none."""
    try:
        return to_a_label(text.strip())
    except BadDomain as error:
        raise ValueError(f"{text} is not a domain") from error


def normal_match(text: str) -> str:
    """Return the names of a match list, one a line: host names, or `.domain` for all below. Raises ValueError."""
    return "\n".join(_match(word) for word in text.replace(",", " ").split())


def _match(word: str) -> str:
    dot = "." if word.startswith(".") else ""
    return dot + normal_domain(word.removeprefix("."))


def check_next_hop(text: str) -> None:
    """Raise ValueError unless `text` is host, host:port or an address that can be connected to."""
    try:
        host, _port = parse_next_hop(text)
    except ValueError as error:
        raise ValueError(f"{text} is not a host or host:port") from error
    if names.is_domain(host):
        return
    try:
        ip_address(host)
    except ValueError as error:
        raise ValueError(f"{host} is neither a host name nor an address") from error
