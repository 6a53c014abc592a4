"""What a sender asks of one message, in its header: only ever more than the domain's policy asks."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from messages_app.rules.gate import FirstContactPolicy

HEADER = "X-Postern-Policy"
PORTAL_ONLY = "portal-only"

_SEPARATORS = re.compile(r"[\s,;|]+")
_EXPIRES = re.compile(r"expires=([1-9]\d{0,3})([hd])")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1)}
_FIRST_CONTACT = {
    "out-of-band": FirstContactPolicy.OUT_OF_BAND,
    "sender-approval": FirstContactPolicy.SENDER_APPROVAL,
}
# A phrase told by telephone proves who reads; a sender who presses a button may be hasty. A provider's word is the
# domain's to ask for: no message puts it aside, and what one asks for comes on top (`gateway.rules.routing`).
_STRICTNESS = (
    FirstContactPolicy.CODE,
    FirstContactPolicy.SENDER_APPROVAL,
    FirstContactPolicy.OUT_OF_BAND,
    FirstContactPolicy.OIDC,
)


@dataclass(frozen=True, slots=True)
class MessagePolicy:
    """What one message asks for: kept in the portal, more at first contact, a shorter time (None: the usual)."""

    portal_only: bool = False
    first_contact: FirstContactPolicy = FirstContactPolicy.CODE
    expires: timedelta | None = None


NOTHING = MessagePolicy()


def words_of(values: Iterable[str]) -> list[str]:
    """Return the words in header `values`: commas, semicolons, bars and white space stand between them."""
    return [word for value in values for word in _SEPARATORS.split(value.lower()) if word]


def parse(words: Iterable[str]) -> tuple[MessagePolicy, int]:
    """Return what `words` ask for, the strictest of each kind, and how many words were none. Never raises."""
    policy, unknown = NOTHING, 0
    for word in words:
        asked = _of_word(word)
        if asked is None:
            unknown += 1
        else:
            policy = both(policy, asked)
    return policy, unknown


def _of_word(word: str) -> MessagePolicy | None:
    if word == PORTAL_ONLY:
        return MessagePolicy(portal_only=True)
    if word in _FIRST_CONTACT:
        return MessagePolicy(first_contact=_FIRST_CONTACT[word])
    if time := _EXPIRES.fullmatch(word):
        return MessagePolicy(expires=int(time[1]) * _UNITS[time[2]])
    return None


def both(one: MessagePolicy, other: MessagePolicy) -> MessagePolicy:
    """Return what satisfies both."""
    times = [time for time in (one.expires, other.expires) if time is not None]
    return MessagePolicy(
        one.portal_only or other.portal_only,
        stricter(one.first_contact, other.first_contact),
        min(times, default=None),
    )


def stricter(one: FirstContactPolicy, other: FirstContactPolicy) -> FirstContactPolicy:
    """Return the one of two first-contact policies that asks for more."""
    return max(one, other, key=_STRICTNESS.index)


def stored(text: str) -> MessagePolicy:
    """Return the policy that stands in a column."""
    return parse(text.split())[0]


def to_store(policy: MessagePolicy) -> str:
    """Return `policy` as it stands in a column: its words, a space between two."""
    words = [PORTAL_ONLY] if policy.portal_only else []
    words += [word for word, asked in _FIRST_CONTACT.items() if asked is policy.first_contact]
    if policy.expires is not None:
        hours = policy.expires // _UNITS["h"]
        words.append(f"expires={hours}h" if hours % 24 else f"expires={hours // 24}d")
    return " ".join(words)
