"""Letters for tests: well formed, with words in them that must turn up nowhere else."""

import base64
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage

from tests.harness.stack import SAM


@dataclass(frozen=True)
class Canary:
    """Words that nobody else ever wrote: in the subject, the text, a file's name and its content."""

    subject: str = field(default_factory=lambda: f"subject{secrets.token_hex(8)}")
    text: str = field(default_factory=lambda: f"text{secrets.token_hex(8)}")
    file_name: str = field(default_factory=lambda: f"name{secrets.token_hex(8)}")
    file: str = field(default_factory=lambda: f"file{secrets.token_hex(8)}")

    @property
    def words(self) -> tuple[str, ...]:
        """All of them."""
        return (self.subject, self.text, self.file_name, self.file)

    def found_in(self, haystack: bytes) -> list[str]:
        """Return the words that are in `haystack`, in any encoding that mail, JSON or a disk would give them."""
        return [word for word in self.words if any(each in haystack for each in spellings(word))]


def spellings(word: str) -> Iterator[bytes]:
    """Yield `word` as UTF-8, UTF-16, hexadecimal, and base64 at each of its three alignments."""
    plain = word.encode()
    yield plain
    yield word.encode("utf-16-le")
    yield plain.hex().encode()
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + plain)
        # The first and last group depend on the neighbours.
        yield encoded[4:-4]


def letter(
    to: str, subject: str = "Hello", text: str = "Hello, Rita.\n", *, sender: str = SAM, name: str = "Sam Sender"
) -> EmailMessage:
    """Return a plain letter from Sam."""
    message = EmailMessage()
    message["From"] = f"{name} <{sender}>"
    message["To"] = to
    message["Subject"] = subject
    message["Message-ID"] = f"<{secrets.token_hex(12)}@home.example>"
    message["Date"] = "Sat, 21 Nov 2026 10:00:00 +0000"
    message.set_content(text)
    return message


def telltale(to: str, canary: Canary, *, size: int = 0) -> bytes:
    """Return a letter with `canary` in all its places, and an attachment of at least `size` bytes."""
    message = letter(to, f"About {canary.subject}", f"Dear Rita,\n\n{canary.text}\n")
    message.add_alternative(f"<p>Dear Rita,</p><p>{canary.text}</p>", subtype="html")
    content = f"{canary.file}\n".encode()
    content += b"x" * max(0, size - len(content))
    message.add_attachment(content, maintype="application", subtype="octet-stream", filename=f"{canary.file_name}.bin")
    return bytes(message).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def as_sent(message: EmailMessage) -> bytes:
    """Return the bytes of `message` with CRLF line ends."""
    return bytes(message).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
