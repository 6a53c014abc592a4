"""What the tests of the project itself look at: its tracked files."""

import ast
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("portal", "gateway", "messages_app", "notifications")


@cache
def tracked() -> tuple[Path, ...]:
    """Return every tracked file that is there; outside a clone, every file of the packages and beside them."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    return tuple(path for name in listing.stdout.split("\0") if name and (path := ROOT / name).is_file())


def text_of(path: Path) -> str:
    """Return the file as text, "" where it is none."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def modules() -> list[Path]:
    """Return every Python file of the product and its tests that people write."""
    return [path for path in tracked() if path.suffix == ".py" and "migrations" not in path.parts]


def tree(path: Path) -> ast.Module:
    """Return the syntax tree of a Python file."""
    return ast.parse(path.read_text(encoding="utf-8"))


def name(path: Path) -> str:
    """Return the path as a test id."""
    return str(path.relative_to(ROOT))
