"""Names in certificates: which of them stand for the host that was meant.

RFC 6125 section 6.4 as Postfix reads it for its level `secure`: dNSName only,
no common name, a wildcard only as the whole left-most label. Names are A-labels.
"""

from collections.abc import Iterable, Sequence

FEWEST_WILDCARD_LABELS = 3  # "*.com" would stand for everybody


def normal(name: str) -> str:
    """Return `name` in lower case without the dot of the root."""
    return name.lower().removesuffix(".")


def matches(presented: str, wanted: str) -> bool:
    """Return whether the dNSName `presented` satisfies `wanted`.

    `wanted` is a host name, or `.domain` for every name below that domain.
    "*.domain" is below ".domain", whatever host it was issued for.
    """
    presented, wanted = normal(presented), normal(wanted)
    if not presented or not wanted.strip("."):
        return False
    if wanted.startswith("."):
        return presented.removeprefix("*").endswith(wanted) and _is_sound(presented)
    return presented == wanted or _wildcard_matches(presented, wanted)


def _is_sound(presented: str) -> bool:
    """Return whether a name has no wildcard, or one that is the whole left-most label."""
    first, _, rest = presented.partition(".")
    return "*" not in rest and ("*" not in first or first == "*")


def _wildcard_matches(presented: str, wanted: str) -> bool:
    """Return whether "*.rest" stands for exactly one label before "rest"."""
    first, _, rest = presented.partition(".")
    if first != "*" or "*" in rest or presented.count(".") + 1 < FEWEST_WILDCARD_LABELS:
        return False
    label, _, remainder = wanted.partition(".")
    return bool(label) and remainder == rest


def any_match(presented: Iterable[str], wanted: Sequence[str]) -> bool:
    """Return whether one of the certificate's names satisfies one of the wanted ones."""
    return any(matches(name, want) for name in presented for want in wanted)


def is_address_literal(domain: str) -> bool:
    """Return whether `domain` is an address literal such as [192.0.2.1] (RFC 5321 section 4.1.3)."""
    return domain.startswith("[")


def is_domain(domain: str) -> bool:
    """Return whether `domain` is a host name of letters, digits, hyphens and dots (RFC 5321 section 2.3.5).

    Underscores are let through: they are in use, and harmless in a query.
    """
    labels = normal(domain).split(".")
    return len(domain) <= 253 and all(map(_is_label, labels))  # noqa: PLR2004, RFC 1035 section 2.3.4


def _is_label(label: str) -> bool:
    """Return whether `label` has 1 to 63 octets that a host name may have."""
    plain = label.replace("-", "").replace("_", "")
    return len(label) in range(1, 64) and label.isascii() and plain.isalnum() and label[0] != "-" != label[-1]
