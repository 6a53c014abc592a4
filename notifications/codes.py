"""Mail a code at once, from the process that made it: a code is a secret and never stored in a row."""

from notifications import transport
from notifications.mail import CodeMail


def send_code(to_address: str, code: str, reference: str, purpose: str, language: str = "en") -> None:
    """Mail `code` to `to_address`; raises transport.NotSent."""
    transport.send(CodeMail(to_address, code, reference, purpose), language)
