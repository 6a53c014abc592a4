"""Mail and HTML that others collected: where it lies, and the hostile sets in it.

The folder is POSTERN_CORPORA, or ../shared/corpora beside the repository.
"""

import json
import os
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("POSTERN_CORPORA") or ROOT.parent / "shared" / "corpora")
WHY_MISSING = "needs the shared corpora: set POSTERN_CORPORA"


def present() -> bool:
    """Return whether the corpora are on this machine."""
    return FOLDER.is_dir()


def load(path: str) -> list[dict[str, Any]]:
    """Return the cases of a JSON file."""
    found: list[dict[str, Any]] = json.loads((FOLDER / path).read_text(encoding="utf-8"))
    return found


def read(path: str) -> str:
    """Return a text file."""
    return (FOLDER / path).read_text(encoding="utf-8", errors="replace")


def hostile_sets() -> dict[str, list[str]]:
    """Return every hostile snippet, by the set that it is from."""
    return {
        "httpleaks": [case["html"] for case in load("httpleaks/leak-vectors-even.json")],
        "dompurify": [case["payload"] for case in load("dompurify/expect-even.json")],
        "loofah": [case["input"] for case in load("loofah/sanitizer_tests1.json")],
        "payloadbox": read("payloadbox/xss-payloads-0mod4.txt").splitlines(),
    }


def known_to_act() -> dict[str, list[str]]:
    """Return the snippets that ask for something, or open a dialog, where nothing stops them."""
    return {
        "request": [case["html"] for case in load("httpleaks/leak-vectors-even.json") if case["fires_alone"]],
        "dialog": [
            case.get("payload") or case["input"]
            for path in ("dompurify/expect-even.json", "loofah/sanitizer_tests1.json")
            for case in load(path)
            if case["live_dialog"]
        ],
    }
