"""What every module of the project obeys, beyond what the linters see."""

import ast

import pytest

from tests.unit.project.files import PACKAGES, ROOT, modules, name, tree

RULES = [path for path in modules() if "rules" in path.relative_to(ROOT).parts and path.parts[-3] != "tests"]
CLOCKS = {"now", "today", "utcnow", "monotonic", "time_ns"}


@pytest.mark.parametrize("path", modules(), ids=name)
def test_every_module_opens_with_what_it_is_for(path):
    assert path.stat().st_size == 0 or ast.get_docstring(tree(path)), f"{name(path)} has no docstring"


def test_every_package_says_what_it_is_for():
    silent = [
        name(path)
        for path in modules()
        if path.name == "__init__.py"
        and path.relative_to(ROOT).parts[0] in PACKAGES
        and path.parent.parent == ROOT
        and not ast.get_docstring(tree(path))
    ]
    assert silent == []


@pytest.mark.parametrize("path", [path for path in RULES if path.relative_to(ROOT).parts[0] in PACKAGES], ids=name)
def test_a_rule_asks_no_clock(path):
    """The import contract keeps `time` out; `datetime.now()` needs this one."""
    calls = [node for node in ast.walk(tree(path)) if isinstance(node, ast.Call)]
    asked = [call.func.attr for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr in CLOCKS]
    assert asked == []


def test_the_product_never_imports_its_tests():
    importers = [
        name(path)
        for path in modules()
        if path.relative_to(ROOT).parts[0] in PACKAGES
        for node in ast.walk(tree(path))
        if (isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "tests")
        or (isinstance(node, ast.Import) and any(alias.name.split(".")[0] == "tests" for alias in node.names))
    ]
    assert importers == []
