"""Read a report that is none by RFC 3464: what hosts wrote before it, and some still write.

It is asked of mail with the null reverse-path alone, which came to the signed
return-path of a notice of ours. Whatever can't be read says nothing.
"""

import re
from collections.abc import Mapping

from gateway.rules.delivery_status import UNKNOWN_STATUS, Failure
from messages_app.rules import encoded_words

# Octets of the body that are looked at: the words come before the message that they are about.
MOST_WORDS = 32 * 1024
# Exim names the addresses in a field of its own.
_EXIM = "x-failed-recipients"
_SUBJECT = re.compile(
    r"undeliver(?:able|ed)|returned mail|mail delivery (?:failed|failure|error)|delivery (?:has )?failed"
    r"|delivery status notification(?: \(failure\)|: (?:error|failed))|failure notice|delivery failure"
    r"|failed delivery|could not be delivered",
    re.IGNORECASE,
)
# The first line of qmail's reports (http://cr.yp.to/proto/qsbmf.txt).
_QMAIL = re.compile(rb"^Hi\. This is the ", re.MULTILINE)
_LATE = re.compile(r"delay|warning|not yet|still being retried", re.IGNORECASE)
_ENHANCED = re.compile(rb"(?<![\d.])5\.\d{1,3}\.\d{1,3}(?![\d.])")


def failure(header: Mapping[str, str], body: bytes) -> Failure | None:
    """Return the failure that a message with the null reverse-path tells of in words; None where it tells of none.

    `header` has names in lower case; `body` may be cut off anywhere.
    """
    subject, words = encoded_words.decode_words(header.get("subject", "")), body[:MOST_WORDS]
    if _LATE.search(subject):
        return None
    if not (_EXIM in header or _QMAIL.search(words) or _SUBJECT.search(subject)):
        return None
    found = _ENHANCED.search(words)
    return Failure(found[0].decode("ascii") if found else UNKNOWN_STATUS)
