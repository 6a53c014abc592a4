"""Names and passwords for programs: random, and easy to copy from a page or to type."""

import secrets

# Without 0, O, 1, l and I, which look alike. 32 signs: 5 bits each.
_SIGNS = "abcdefghijkmnopqrstuvwxyz2345679"
_GROUPS, _GROUP = 6, 5  # 30 signs, 150 bits


def new_username() -> str:
    """Return a name such as "app-k3vmr7dq2c": it names nobody."""
    return f"app-{_signs(10)}"


def new_password() -> str:
    """Return a password of 30 random signs in groups of five, with dashes between."""
    return "-".join(_signs(_GROUP) for _ in range(_GROUPS))


def _signs(count: int) -> str:
    return "".join(secrets.choice(_SIGNS) for _ in range(count))
