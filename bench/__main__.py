"""Measure all parts, or those named: `python -m bench [PART ...]`, what `make bench [ONLY=PART]` calls.

Prints `figure NAME VALUE UNIT` lines on standard output and nothing else there. Ends with 1 where
a figure could not be made, and says on standard error what is missing and how to install it.
"""

import importlib
import pkgutil
import sys
import traceback

import bench
from tests.harness import components

# What parts are made of, not parts themselves.
_SHARED = {"__main__", "harness"}


def parts() -> list[str]:
    """Return the names of all parts, in order."""
    return sorted({module.name for module in pkgutil.iter_modules(bench.__path__)} - _SHARED)


def measure(name: str) -> bool:
    """Measure one part; return whether all of its figures were made."""
    part = importlib.import_module(f"bench.{name}")
    if missing := components.missing(part.NEEDS):
        print(f"bench {name}: {'; '.join(missing)}", file=sys.stderr)
        return False
    try:
        part.measure()
    except Exception:
        print(f"bench {name}: failed\n{traceback.format_exc()}", file=sys.stderr)
        return False
    return True


def main(names: list[str]) -> int:
    """Return the exit code: 0 where every figure was made, 1 where one was not, 2 for a part that does not exist."""
    known = parts()
    if unknown := sorted(set(names) - set(known)):
        print(f"bench has no {', '.join(unknown)}: it has {', '.join(known)}", file=sys.stderr)
        return 2
    made = [measure(name) for name in names or known]
    return int(not all(made))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
