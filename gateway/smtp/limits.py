"""How much one client may ask for, in bytes and counts."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Limits of one connection; the defaults are RFC 5321 section 4.5.3.1 or more generous."""

    size: int = 100 * 1024 * 1024  # bytes of a message
    recipients: int = 1000  # of one message
    # Bytes of a command line with its CRLF: 512, and what extensions add to MAIL and RCPT.
    command_line: int = 512
    path_command_line: int = 1024
    # A client that sends this much without a line end is not talking SMTP.
    unfinished_line: int = 12288
    # Bytes of a line of text. The RFC says 998, and much software sends more (HTML in one
    # line, base64 without breaks). Not one byte may be changed here, so lines are not
    # folded: up to this much passes as it is, and more is refused.
    text_line: int = 64 * 1024
    logins: int = 5  # that fail; then 421 and close
    errors: int = 20  # then 421 and close
    idle_commands: int = 100  # NOOP, RSET, HELP, VRFY, EHLO, HELO between messages; each more is an error
