"""Each import contract catches the violation that it is there for: one is planted in a copy of the tree."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.project.files import PACKAGES, ROOT

PLANTS = [
    ("layers", "messages_app/ids.py", "import gateway.models"),
    ("layers", "gateway/nudges.py", "import portal.env"),
    ("layers", "notifications/nudges.py", "import gateway.models"),
    ("pure-rules", "messages_app/rules/states.py", "import django.utils.timezone"),
    ("pure-rules", "gateway/rules/retry.py", "import random"),
    ("pure-rules", "notifications/rules/schedule.py", "from messages_app import store"),  # a way round
    ("pure-rules", "portal/accounts/rules/session_age.py", "import time"),
    ("who-unseals", "messages_app/ids.py", "from messages_app.sealing import unseal"),
    ("who-unseals", "portal/context.py", "import messages_app.sealing.unseal"),
    ("who-opens-drafts", "messages_app/replies.py", "from messages_app.sealing import draft_keys"),
    ("port-25-never-reads", "gateway/intake.py", "from messages_app.sealing import keyring"),
    ("port-25-never-reads", "messages_app/sealing/seal.py", "from messages_app.sealing import unseal"),  # a way round
    ("port-25-never-reads", "gateway/smtp/server.py", "from messages_app import hold"),
    ("notices-have-no-content", "notifications/mail.py", "from messages_app import mime"),
    ("notices-have-no-content", "notifications/outbox.py", "from messages_app.sealing import content"),
    ("notices-have-no-content", "messages_app/loop_token.py", "from messages_app import store"),  # a way round
]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a copy of the packages and of the contracts."""
    leave = shutil.ignore_patterns("__pycache__", "migrations")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=leave)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint(tree: Path, contract: str) -> tuple[int, str]:
    """Return the exit code and the words of lint-imports over `tree`."""
    program = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run(
        [program, "--no-cache", "--contract", contract], cwd=tree, capture_output=True, text=True, check=False
    )
    return run.returncode, run.stdout + run.stderr


@pytest.mark.parametrize("contract", sorted({contract for contract, _, _ in PLANTS}))
def test_the_tree_as_it_is_keeps_every_contract(copy, contract):
    code, words = lint(copy, contract)
    assert code == 0, words


@pytest.mark.parametrize(("contract", "file", "line"), PLANTS)
def test_a_planted_violation_is_caught(copy, contract, file, line):
    with (copy / file).open("a", encoding="utf-8") as module:
        module.write(f"\n{line}\n")
    code, words = lint(copy, contract)
    assert code != 0
    assert "BROKEN" in words, words
