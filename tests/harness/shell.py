"""A Django shell of the stack's own, kept open: ORM questions without a new process each.

Run as `python -m tests.harness.shell` with the stack's environment, it reads one JSON
string of Python code a line, and answers {"value": ...} or {"error": ...} a line. The
code's last expression is the value, and must be fit for JSON (others are told as text).
"""

import ast
import json
import subprocess
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.harness.processes import PATIENCE

IMPORTS = """
import datetime, uuid
from datetime import timedelta
from django.apps import apps
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from django.contrib.auth import get_user_model
for _model in apps.get_models():
    globals()[_model.__name__] = _model
User = get_user_model()
"""


class Shell:
    """The near end: start it, ask it, close it."""

    def __init__(self, python: str, *, env: Mapping[str, str], cwd: Path, log: Path) -> None:
        with log.open("ab") as errors:
            self._child = subprocess.Popen(
                [python, "-m", "tests.harness.shell"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=env,
                cwd=cwd,
                text=True,
                start_new_session=True,
            )

    def ask(self, code: str, **names: Any) -> Any:
        """Return the value of the last expression of `code`, with `names` set; AssertionError where it raises."""
        self._child.stdin.write(json.dumps({"code": code, "names": names}) + "\n")  # type: ignore[union-attr]
        self._child.stdin.flush()  # type: ignore[union-attr]
        line = self._child.stdout.readline()  # type: ignore[union-attr]
        answer = json.loads(line) if line else {"error": "the shell ended"}
        if "error" in answer:
            raise AssertionError(answer["error"])
        return answer["value"]

    def close(self) -> None:
        """End the far end."""
        self._child.stdin.close()  # type: ignore[union-attr]
        self._child.wait(timeout=PATIENCE)
        self._child.stdout.close()  # type: ignore[union-attr]


def evaluate(code: str, scope: dict[str, Any]) -> Any:
    """Return the value of the last expression of `code`; None where it ends in a statement."""
    tree = ast.parse(code)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "<test>", "exec"), scope)  # noqa: S102, the tests' own code
    return eval(compile(ast.Expression(last.value), "<test>", "eval"), scope) if last else None  # noqa: S307


def serve() -> None:
    """Answer each line of standard input until it ends."""
    import django  # noqa: PLC0415, the near end has no settings of the stack

    django.setup()
    from django.db import close_old_connections  # noqa: PLC0415, as above

    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        question = json.loads(line)
        scope: dict[str, Any] = {}
        evaluate(IMPORTS, scope)
        try:
            answer = {"value": evaluate(question["code"], scope | question["names"])}
        except Exception:
            answer = {"error": traceback.format_exc()}
        close_old_connections()
        print(json.dumps(answer, default=str), file=answers, flush=True)


if __name__ == "__main__":
    serve()
