"""Run one target under a coverage-guided fuzzer: `python -m tests.fuzz TARGET SECONDS`.

What it finds lies in var/fuzz/TARGET/crash-*; run the same command with that file
behind it to see the crash again, and make it a case in a unit test.
"""

import os
import sys
from pathlib import Path

KEPT = Path(__file__).parents[2] / "var" / "fuzz"


def main() -> None:
    """Fuzz, until the time is over or something breaks."""
    target, seconds, *again = sys.argv[1:] or ("", "")
    try:
        import atheris  # noqa: PLC0415, it is no part of the locks: few platforms have a wheel
    except ImportError:
        sys.exit("needs atheris: .venv/bin/pip install atheris (Linux on x86-64, Python 3.11 to 3.13)")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    with atheris.instrument_imports(include=["gateway", "messages_app"]):
        import django  # noqa: PLC0415, after the instruments

        django.setup()
        from tests.fuzz import seeds, targets  # noqa: PLC0415, same
    if target not in targets.TARGETS:
        sys.exit(f"usage: python -m tests.fuzz {'|'.join(targets.TARGETS)} SECONDS [FILE]")
    corpus = _corpus(target, seeds.of(target))
    words = KEPT / f"{target}.words"
    words.write_text("".join(f'"{_quoted(word)}"\n' for word in seeds.WORDS[target]))
    options = [f"-max_total_time={seconds}", f"-dict={words}", "-max_len=4096", "-timeout=10", "-rss_limit_mb=1500"]
    atheris.Setup(
        [sys.argv[0], *options, f"-artifact_prefix={corpus}/", *(again or [str(corpus)])],
        targets.TARGETS[target],
        enable_python_coverage=True,
    )
    atheris.Fuzz()


def _corpus(target: str, first: tuple[bytes, ...]) -> Path:
    """Return the folder of inputs, which grows from run to run, with the first ones in it."""
    corpus = KEPT / target
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(first):
        (corpus / f"seed-{number}").write_bytes(seed)
    return corpus


def _quoted(word: bytes) -> str:
    return "".join(f"\\x{octet:02x}" for octet in word)


main()
