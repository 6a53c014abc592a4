"""The settings, `.env.example`, the documents and `compose.yaml` name the same things."""

import ast
import re

import pytest
import yaml
from django.core.management import get_commands

from portal.celery import QUEUES
from tests.unit.project.files import ROOT, tree

READERS = {
    "str",
    "int",
    "list",
    "db_url",
    "boolean",
    "choice",
    "networks",
    "path",
    "seconds",
    "bool",
    "float",
    "parsed",
    "mailbox",
}


def read_by_settings() -> set[str]:
    """Return every name that settings.py reads from the environment."""
    names = set()
    for node in ast.walk(tree(ROOT / "portal" / "settings.py")):
        if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
            continue
        function = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if function in READERS and re.fullmatch(r"[A-Z][A-Z0-9_]+", str(node.args[0].value)):
            names.add(node.args[0].value)
    return names


def numbers_of_settings() -> dict[str, str]:
    """Return the default of every number that settings.py reads, as it would stand in `.env.example`."""
    numbers = {}
    for node in ast.walk(tree(ROOT / "portal" / "settings.py")):
        if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
            continue
        given = [*node.args[1:], *(keyword.value for keyword in node.keywords if keyword.arg == "default")]
        if given and node.args[0].value in read_by_settings() and _is_arithmetic(given[0]):
            numbers[node.args[0].value] = str(eval(compile(ast.Expression(given[0]), "default", "eval")))  # noqa: S307
    return numbers


def _is_arithmetic(node: ast.expr) -> bool:
    inside = [part for part in ast.walk(node) if not isinstance(part, ast.operator)]
    return all(isinstance(part, ast.BinOp) or _is_number(part) for part in inside)


def _is_number(part: ast.AST) -> bool:
    return isinstance(part, ast.Constant) and type(part.value) is int


def in_example() -> set[str]:
    return set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))


def in_operating() -> set[str]:
    return set(re.findall(r"^\| `([A-Z][A-Z0-9_]+)`", (ROOT / "docs" / "operating.md").read_text(), re.MULTILINE))


def test_the_example_lists_what_settings_read_and_nothing_else():
    assert in_example() == read_by_settings()


def test_the_example_shows_the_default_of_every_number():
    text = (ROOT / ".env.example").read_text()
    shown = dict(re.findall(r"^#?([A-Z][A-Z0-9_]+)=(.*)$", text, re.MULTILINE))
    numbers = numbers_of_settings()
    assert len(numbers) > 10
    assert {name: shown.get(name) for name in numbers} == numbers


def test_the_operating_guide_explains_what_settings_read_and_nothing_else():
    assert in_operating() == read_by_settings()


@pytest.fixture(scope="module")
def compose() -> dict:
    return yaml.safe_load((ROOT / "compose.yaml").read_text())


def environment(service: dict) -> dict[str, str]:
    given = service.get("environment", {})
    return dict(line.split("=", 1) for line in given) if isinstance(given, list) else given


def own_services(compose: dict) -> dict[str, dict]:
    return {name: service for name, service in compose["services"].items() if "ROLE" in environment(service)}


def test_compose_sets_only_names_that_settings_read(compose):
    known = read_by_settings()
    for service in own_services(compose).values():
        assert {name.removesuffix("_FILE") for name in environment(service)} <= known


def test_compose_starts_every_role_once(compose):
    roles = sorted(environment(service)["ROLE"] for service in own_services(compose).values())
    assert roles == ["", "beat", "delivery", "notices", "smtpd", "web"]


@pytest.mark.parametrize("role", ["smtpd", "notices", "beat"])
def test_compose_gives_no_keys_to_a_role_that_opens_nothing(compose, role):
    service = next(service for service in own_services(compose).values() if environment(service)["ROLE"] == role)
    assert environment(service)["KEY_DIR"] == ""
    assert not any("keys" in str(volume) for volume in service.get("volumes", []))


def test_compose_runs_commands_that_exist(compose):
    for service in own_services(compose).values():
        command = service["command"]
        if command[0] == "manage.py" or "manage.py" in command:
            assert command[command.index("manage.py") + 1] in get_commands()
        else:
            assert command[0] in {"gunicorn", "celery"}


def test_compose_reads_every_queue_exactly_once(compose):
    read = [
        queue
        for service in own_services(compose).values()
        for argument in service["command"]
        if argument.startswith("--queues=")
        for queue in argument.removeprefix("--queues=").split(",")
    ]
    assert sorted(read) == sorted(QUEUES)


def test_compose_refers_only_to_what_it_defines(compose):
    services = compose["services"]
    volumes, secrets = set(compose.get("volumes", {})), set(compose.get("secrets", {}))
    for service in services.values():
        assert set(service.get("depends_on", {})) <= set(services)
        assert set(service.get("secrets", [])) <= secrets
        named = {str(volume).split(":")[0] for volume in service.get("volumes", [])}
        assert {name for name in named if not name.startswith((".", "/"))} <= volumes


def test_compose_publishes_the_ports_on_which_it_listens(compose):
    services = compose["services"]
    listens = ["SMTPD_LISTEN", "SMTPD_SUBMISSION_LISTEN", "SMTPD_SUBMISSIONS_LISTEN"]
    ports = dict(zip(("25", "587", "465"), (environment(services["smtpd"])[each] for each in listens), strict=True))
    assert services["smtpd"]["ports"] == [f"{outside}:{inside.rpartition(':')[2]}" for outside, inside in ports.items()]
    bound = next(word for word in services["web"]["command"] if word.startswith("--bind="))
    assert [str(port).rpartition(":")[2] for port in services["web"]["ports"]] == [bound.rpartition(":")[2]]


def test_compose_runs_nothing_as_root_and_nothing_writable(compose):
    for service in own_services(compose).values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]


def test_the_image_runs_as_a_number_that_is_not_root():
    users = re.findall(r"^USER (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert users
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1])


def test_the_image_installs_by_hash():
    assert "--require-hashes" in (ROOT / "Dockerfile").read_text()


def test_the_image_is_not_given_data_keys_or_history():
    ignored = set((ROOT / ".dockerignore").read_text().split())
    assert {".git", "var", ".env", ".venv"} <= ignored
