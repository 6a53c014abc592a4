"""Seal the parts of a message as the parser finds them: nothing decoded touches the disk in clear."""

import json
from dataclasses import dataclass, field

from messages_app import scanning, store
from messages_app.bodies import HTML_PART, TEXT_PART, ParsedMessage, PartMeta
from messages_app.models import Message, Part
from messages_app.rules.scans import Scanned, Verdict
from messages_app.sealing.content import ContentKey


@dataclass
class PartSealer:
    """Seals one message's parts; `writers` holds one a part, by number."""

    key: ContentKey
    message: Message
    writers: dict[int, "SealedPart"] = field(default_factory=dict)

    def open_part(self, meta: PartMeta) -> "SealedPart":
        """Return a writer for the next attachment."""
        self.writers[meta.number] = SealedPart(self, meta.number)
        return self.writers[meta.number]

    def rows(self, parsed: ParsedMessage) -> list[Part]:
        """Return a row for each part that was sealed, the bodies among them; throw away what is incomplete."""
        if parsed.unparsed:
            self.abort()
            return []
        bodies = [self._body(TEXT_PART, "text", parsed.body_text), self._body(HTML_PART, "html", parsed.body_html)]
        metas = [meta for meta in bodies if meta] + list(parsed.parts)
        return [self._row(meta) for meta in metas if self.writers[meta.number].is_closed]

    def abort(self) -> None:
        """Leave nothing of the parts behind."""
        for writer in self.writers.values():
            writer.abort()
        self.writers.clear()

    def _body(self, number: int, role: str, text: str) -> PartMeta | None:
        """Seal a body, if there is one."""
        if not text:
            return None
        meta = PartMeta(number, role, "", f"text/{'plain' if role == 'text' else 'html'}")
        writer = self.open_part(meta)
        writer.write(text.encode())
        writer.close()
        return meta

    def _row(self, meta: PartMeta) -> Part:
        writer = self.writers[meta.number]
        words = {"name": meta.name, "type": meta.media_type, "content_id": meta.content_id}
        return Part(
            message=self.message,
            number=meta.number,
            role=meta.role,
            size=writer.size,
            sealed_meta=self.key.seal_field(f"part-{meta.number}", json.dumps(words).encode()),
            sealed_content=writer.inline,
            scan=writer.scanned.verdict,
            scan_name=writer.scanned.name,
        )


class SealedPart:
    """Takes one decoded part in blocks."""

    def __init__(self, sealer: PartSealer, number: int) -> None:
        self.size = 0
        self.inline: bytes | None = None
        self.is_closed = False
        self.scanned = Scanned(Verdict.NONE)
        # Bodies are shown sanitised; everything else is a file that somebody may open.
        is_file = number not in {TEXT_PART, HTML_PART}
        self._scan = scanning.Scan() if is_file and scanning.is_configured() else None
        self._spool = store.SealedSpool(sealer.message.pk, f"part-{number}")
        self._sealed = sealer.key.writer(self._spool, f"part-{number}")

    def write(self, block: bytes) -> None:
        """Seal `block`."""
        self.size += len(block)
        self._sealed.write(block)
        if self._scan:
            self._scan.write(block)

    def close(self) -> None:
        """Finish the sealed stream."""
        self._sealed.close()
        self.inline = self._spool.finish()
        if self._scan:
            self.scanned = self._scan.verdict()
        self.is_closed = True

    def abort(self) -> None:
        """Forget the part. What is in the store already goes with the message."""
        if self._scan:
            self._scan.abort()
        self._spool.abort()
