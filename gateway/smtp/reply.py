"""What the server answers: a code, an enhanced status and a text (RFC 5321 section 4.2, RFC 3463)."""

from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Reply:
    """One reply of one line: `250 2.1.0 Sender accepted`."""

    code: int
    status: str
    text: str

    @cached_property
    def line(self) -> bytes:
        """The reply as it goes over the wire, CRLF included."""
        words = (str(self.code), self.status, self.text)
        return (" ".join(word for word in words if word) + "\r\n").encode("ascii", "backslashreplace")


LOGGED_IN = Reply(235, "2.7.0", "Authentication succeeded")
OK = Reply(250, "2.0.0", "OK")
SENDER_OK = Reply(250, "2.1.0", "Sender accepted")
RECIPIENT_OK = Reply(250, "2.1.5", "Recipient accepted")
SEND_CONTENT = Reply(354, "", "End the message with <CRLF>.<CRLF>")
READY_FOR_TLS = Reply(220, "2.0.0", "Ready to start TLS")
BYE = Reply(221, "2.0.0", "Bye")
HELP = Reply(214, "2.0.0", "This is a mail gateway; see RFC 5321")
CANNOT_VERIFY = Reply(252, "2.5.0", "Cannot verify; try to deliver")

TIMED_OUT = Reply(421, "4.4.2", "Time-out; closing")
STOPPING = Reply(421, "4.3.2", "Service is stopping; try again soon")
TOO_MANY_ERRORS = Reply(421, "4.7.0", "Too many errors; closing")
TOO_MANY_CONNECTIONS = Reply(421, "4.7.0", "Too many connections; try again later")
TOO_MUCH_IDLING = Reply(450, "4.7.0", "Too many commands that send no mail")
LOCAL_ERROR = Reply(451, "4.3.0", "Local error; try again later")
AUTH_LATER = Reply(454, "4.7.0", "Too many failed log-ins; try again later")
AUTH_BUSY = Reply(454, "4.7.0", "Temporary authentication failure; try again later")
STORAGE_LOW = Reply(452, "4.3.1", "Not enough storage; try again later")
TOO_MANY_RECIPIENTS = Reply(452, "4.5.3", "Too many recipients; send the rest in another transaction")

LINE_TOO_LONG = Reply(500, "5.5.2", "Line too long")
TEXT_LINE_TOO_LONG = Reply(500, "5.6.0", "A line of the message is too long")
UNKNOWN_COMMAND = Reply(500, "5.5.2", "Command not recognised")
SYNTAX = Reply(501, "5.5.4", "Syntax error in parameters")
BAD_SENDER = Reply(501, "5.1.7", "Bad sender address syntax")
BAD_RECIPIENT = Reply(501, "5.1.3", "Bad recipient address syntax")
BAD_RESPONSE = Reply(501, "5.5.2", "Authentication response can't be read")
AUTH_CANCELLED = Reply(501, "5.7.0", "Authentication cancelled")
BAD_CHUNK = Reply(501, "5.5.4", "BDAT needs a size in octets; closing")
NOT_IMPLEMENTED = Reply(502, "5.5.1", "Command not implemented")
BAD_SEQUENCE = Reply(503, "5.5.1", "Bad sequence of commands")
UNKNOWN_MECHANISM = Reply(504, "5.5.4", "Authentication mechanism not supported")
BARE_CONTROL = Reply(521, "5.5.2", "Bare CR, bare LF or NUL: lines end with <CRLF> alone; closing")
NOT_MAIL = Reply(521, "5.5.1", "This is a mail server; closing")
TLS_REQUIRED = Reply(530, "5.7.0", "Must issue a STARTTLS command first")
AUTH_REQUIRED = Reply(530, "5.7.0", "Authentication required")
AUTH_FAILED = Reply(535, "5.7.8", "Authentication credentials invalid")
AUTH_NEEDS_TLS = Reply(538, "5.7.11", "Encryption required for requested authentication mechanism")
TOO_BIG = Reply(552, "5.3.4", "Message is bigger than the limit")
SENDER_LITERAL = Reply(553, "5.1.7", "Address literals are not accepted")
RECIPIENT_LITERAL = Reply(553, "5.1.3", "Address literals are not accepted")
NEEDS_SMTPUTF8 = Reply(553, "5.6.7", "An address outside ASCII needs SMTPUTF8")
NO_RECIPIENTS = Reply(554, "5.5.1", "No valid recipients")
UNKNOWN_PARAMETER = Reply(555, "5.5.4", "Parameter not recognised or not implemented")
