"""Sealing and opening 256 MiB as a stream, beside what `openssl speed` says of the same cipher here.

CPU seconds of one thread on both sides. Nothing is read from or written to a disk: openssl's figure has none.
"""

import io
import secrets
import subprocess

from cryptography.utils import Buffer

from bench.harness import figure, median, own_cpu, ratio, rounds
from messages_app.sealing.stream import OpeningReader, SealingWriter
from tests.harness import components

NEEDS = ("openssl",)
SIZE = 256 * 1024 * 1024
# As intake and the parser write, and as downloads read.
BLOCK = 256 * 1024
KEY = secrets.token_bytes(32)
CONTEXT = b"bench"


class _Nowhere:
    """Takes sealed bytes and drops them."""

    def write(self, data: Buffer, /) -> int:
        """Drop `data`."""
        return len(memoryview(data))


def _openssl(*direction: str) -> float:
    """Return MB/s of AES-256-GCM in blocks of 16 KiB, the one that `openssl speed` is quoted by."""
    command = [components.require("openssl"), "speed", *direction, "-mr", "-seconds", "1", "-bytes", "16384"]
    done = subprocess.run([*command, "-evp", "aes-256-gcm"], capture_output=True, text=True, check=True)
    last = next(line for line in done.stdout.splitlines() if line.startswith("+F:"))
    return float(last.rsplit(":", 1)[1]) / 1e6


def _seal() -> float:
    block = secrets.token_bytes(BLOCK)

    def work() -> None:
        writer = SealingWriter(_Nowhere(), KEY, CONTEXT)
        for _ in range(SIZE // BLOCK):
            writer.write(block)
        writer.close()

    return SIZE / 1e6 / own_cpu(work)


def _open(sealed: bytes) -> float:
    def work() -> None:
        reader = OpeningReader(io.BytesIO(sealed), KEY, CONTEXT)
        reader.verify_end()
        while reader.read(BLOCK):
            pass

    return SIZE / 1e6 / own_cpu(work)


def _sealed() -> bytes:
    target = io.BytesIO()
    writer = SealingWriter(target, KEY, CONTEXT)
    for _ in range(SIZE // BLOCK):
        writer.write(secrets.token_bytes(BLOCK))
    writer.close()
    return target.getvalue()


def measure() -> None:
    """Print the rates and their ratios to openssl."""
    sealed = _sealed()
    seen = rounds(
        {
            "sealing_postern": _seal,
            "sealing_openssl": _openssl,
            "opening_postern": lambda: _open(sealed),
            "opening_openssl": lambda: _openssl("-decrypt"),
        }
    )
    for name, values in seen.items():
        figure(name, median(values), "MB/s")
    for work in ("sealing", "opening"):
        figure(f"{work}_vs_openssl", ratio(seen[f"{work}_postern"], seen[f"{work}_openssl"]), "ratio")
