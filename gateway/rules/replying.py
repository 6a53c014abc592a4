"""Who gets an automatic answer: people, never machines (RFC 3834 section 2)."""

from collections.abc import Mapping

from messages_app.rules.mailbox import fold, is_deliverable

# Local parts behind which nobody sits; lists use what follows.
_MACHINES = frozenset({"mailer-daemon", "postmaster", "no-reply", "noreply", "listserv", "majordomo", "double-bounce"})
_BULK = frozenset({"bulk", "junk", "list", "auto_reply"})


def may_answer(reverse_path: str, header: Mapping[str, str], portal_host: str) -> bool:
    """Return whether a message from `reverse_path` with these fields was written by a person who can be answered.

    `header` has names in lower case. Never to the null sender and never to our
    own host: two machines that answer each other don't stop.
    """
    if not is_deliverable(reverse_path):
        return False
    local, _, domain = fold(reverse_path).rpartition("@")
    if domain == portal_host.lower() or _is_machine(local):
        return False
    automatic = header.get("auto-submitted", "no").partition(";")[0].strip().lower() != "no"
    bulk = header.get("precedence", "").lower() in _BULK or any(name.startswith("list-") for name in header)
    suppressed = {word.strip() for word in header.get("x-auto-response-suppress", "").lower().split(",")}
    return not automatic and not bulk and not suppressed & {"all", "autoreply"}


def _is_machine(local: str) -> bool:
    return local in _MACHINES or local.startswith("owner-") or local.endswith(("-request", "-owner", "-bounces"))
