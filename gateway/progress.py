"""What a drain said to hosts and heard from them, noted in a file that outlives its process.

The rows of a slice become `sending` in one commit and are recorded in another: a worker
killed between the two would leave every one of them in doubt. So the beginning and the end of each
message are noted here, in a file named after the claim. No sync is needed: what was
written stays when a process is killed. When the machine goes down notes may be lost, so
silence proves nothing after that. Without a file, all that was `sending` is in doubt.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Self
from uuid import UUID

import structlog
from django.conf import settings

from gateway.delivery import Report
from gateway.rules.outcome import Class, HostResult, Phase, RecipientReply
from messages_app.models import Recipient
from messages_app.where import where

log = structlog.get_logger()

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
Fields = dict[str, Any]


class Progress:
    """The notes of one claim: begun with its first message, removed once everything is recorded."""

    def __init__(self, token: UUID) -> None:
        self._path = _directory() / str(token)
        self._file: int | None = None
        self._without = self._keep = False

    def __enter__(self) -> Self:
        """Note nothing yet: much of what is claimed goes to no host."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the notes, unless they say what was not recorded."""
        if self._file is not None:
            os.close(self._file)
            if not self._keep:
                self._path.unlink(missing_ok=True)

    def open(self) -> None:
        """Begin the notes, before any row says `sending`: from then on silence means that no host was told."""
        if self._file is None and not self._without:
            try:
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            except OSError as error:
                self._do_without(error)
            self._note({"boot": _boot()})

    def begin(self, recipients: Sequence[Recipient]) -> bool:
        """Note that a host is about to hear of `recipients`; False where the notes were taken over, so nothing may go.

        Whoever takes them over removes the file before reading it: so either this note is read, or its end is seen.
        """
        self._note({"begun": _ids(recipients)})
        return self._file is None or os.fstat(self._file).st_nlink > 0

    def end(self, recipients: Sequence[Recipient], report: Report, started_at: datetime, ended_at: datetime) -> None:
        """Note what an attempt at `recipients` has shown."""
        times = {"started_at": started_at.isoformat(), "ended_at": ended_at.isoformat()}
        if self._file is not None:
            results = [result.to_evidence() for result in report.results]
            self._note({"ended": _ids(recipients), "results": results, **times})

    def keep(self) -> None:
        """Leave the notes: something in them could not be recorded."""
        self._keep = True

    def _note(self, fields: Fields) -> None:
        if self._file is None:
            return
        line = json.dumps(fields, separators=(",", ":")).encode() + b"\n"
        try:
            _write_whole(self._file, line)
        except OSError as error:
            self._do_without(error)

    def _do_without(self, error: OSError) -> None:
        """Go on without notes; such as are not whole must not be found. Raises OSError where they can't be removed."""
        log.warning("progress.unknown", error=where(error))
        self._without = True
        if self._file is not None:
            self._path.unlink(missing_ok=True)
            os.close(self._file)
        self._file = None


def _write_whole(file: int, line: bytes) -> None:
    """Write `line` in one go. Raises OSError, also where the disk had room for a part of it only."""
    if os.write(file, line) < len(line):
        raise OSError("the note was cut short")


@dataclass(frozen=True)
class Ended:
    """One attempt that ended, and was perhaps not recorded."""

    recipients: frozenset[UUID]
    results: tuple[HostResult, ...]
    started_at: datetime
    ended_at: datetime


@dataclass
class Notes:
    """What a dead worker left: of whom hosts were told, what came of it, and whether silence proves anything."""

    complete: bool = False
    begun: set[UUID] = field(default_factory=set)
    ended: list[Ended] = field(default_factory=list)

    def is_unsaid(self, recipient: Recipient) -> bool:
        """Return whether no host can have heard of this copy."""
        return self.complete and recipient.pk not in self.begun


def exist(token: UUID) -> bool:
    """Return whether there are notes of the claim."""
    return (_directory() / str(token)).exists()


def take_over(token: UUID) -> Notes:
    """Return the notes of a claim whose lease is over, and remove them: its worker, if it lives, says nothing more."""
    path, notes = _directory() / str(token), Notes()
    with suppress(FileNotFoundError), path.open("rb") as file:
        path.unlink()
        for fields in _lines(file.read()):
            _read(fields, notes)
    return notes


def sweep(older_than: float) -> None:
    """Remove what nobody has changed since `older_than` (a time as of time.time()): its rows went another way."""
    with suppress(FileNotFoundError):
        for path in _directory().iterdir():
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < older_than:
                    path.unlink()


def _lines(content: bytes) -> Iterator[Fields]:
    """Yield the notes; a last one that was cut short was never acted on."""
    for line in content.splitlines():
        with suppress(ValueError):
            yield json.loads(line)


def _read(fields: Fields, notes: Notes) -> None:
    if "boot" in fields:
        notes.complete = bool(fields["boot"]) and fields["boot"] == _boot()
    elif "begun" in fields:
        notes.begun.update(map(UUID, fields["begun"]))
    else:
        results = tuple(map(result_of, fields["results"]))
        times = (datetime.fromisoformat(fields["started_at"]), datetime.fromisoformat(fields["ended_at"]))
        notes.ended.append(Ended(frozenset(map(UUID, fields["ended"])), results, *times))


def result_of(evidence: Mapping[str, Any]) -> HostResult:
    """Return the result that `HostResult.to_evidence` wrote."""
    replies = tuple(RecipientReply(**_typed(reply)) for reply in evidence["replies"])
    return HostResult(**_typed(evidence) | {"replies": replies})


def _typed(evidence: Mapping[str, Any]) -> Fields:
    fields: Fields = {name: tuple(value) if isinstance(value, list) else value for name, value in evidence.items()}
    return fields | {"class_": Class(fields.pop("class")), "phase": Phase(fields["phase"])}


def _ids(recipients: Sequence[Recipient]) -> list[str]:
    return [str(recipient.pk) for recipient in recipients]


def _directory() -> Path:
    directory: Path = settings.DATA_DIR / "progress"
    return directory


@cache
def _boot() -> str:
    """Return what tells this run of the machine from others, "" where nothing does."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""
