"""Bring each locale/LANGUAGE/LC_MESSAGES/django.po up to date with what templates and modules say.

`extract_messages.py` keeps the translations that there are, adds what is new with an empty
translation, and drops what nobody says any more. GNU's xgettext is not on every machine, and
can't read templates; Django's parser and Python's own can. Then run compile_messages.py.

What staff alone see (the admin) is English and stays out.
"""

import ast
import json
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))

from tools.compile_messages import blocks, parts, strings  # noqa: E402  # the folder above, when run as a program

PACKAGES = ("messages_app", "gateway", "notifications", "portal")
STAFF = ("templates/admin/", "/admin/", "/admin.py", "portal/staff_site.py", "portal/demo/", "/migrations/")
# Which arguments of each function are: context, message, plural.
FUNCTIONS: dict[str, tuple[int | None, int, int | None]] = {
    **dict.fromkeys(("_", "gettext", "gettext_lazy", "gettext_noop"), (None, 0, None)),
    **dict.fromkeys(("ngettext", "ngettext_lazy"), (None, 0, 1)),
    **dict.fromkeys(("pgettext", "pgettext_lazy"), (0, 1, None)),
    **dict.fromkeys(("npgettext", "npgettext_lazy"), (0, 1, 2)),
}


@dataclass(frozen=True)
class Message:
    """What is said in English: a message, its plural and its context where it has them."""

    text: str
    plural: str = ""
    context: str = ""

    @property
    def key(self) -> str:
        """Return the message as a compiled catalogue knows it."""
        context = f"{self.context}\x04" if self.context else ""
        return context + self.text + (f"\0{self.plural}" if self.plural else "")


def said() -> dict[Message, list[str]]:
    """Return every message of the portal's pages and mails with the files that say it, in the order of files."""
    places: dict[Message, list[str]] = {}
    for path in [*_templates(), *_modules()]:
        name = path.relative_to(ROOT).as_posix()
        source = path.read_text("utf-8")
        found = in_module(source) if path.suffix == ".py" else in_template(source)
        for message in found:
            files = places.setdefault(message, [])
            files += [] if name in files else [name]
    return places


def _templates() -> Iterator[Path]:
    return (path for path in sorted((ROOT / "templates").rglob("*.*")) if path.suffix != ".svg" and _is_page(path))


def _modules() -> Iterator[Path]:
    return (path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py")) if _is_page(path))


def _is_page(path: Path) -> bool:
    return not any(part in path.relative_to(ROOT).as_posix() for part in STAFF)


def in_module(source: str) -> list[Message]:
    """Return the messages that the Python module `source` hands to gettext, in their order."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    calls.sort(key=lambda call: (call.lineno, call.col_offset))
    return [message for call in calls if (message := _of_call(call))]


def _of_call(call: ast.Call) -> Message | None:
    """Return the message of a call of gettext and its kin, all of whose words are literals; else None."""
    name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    if name not in FUNCTIONS:
        return None
    context, text, plural = (_literal(call.args, at) for at in FUNCTIONS[name])
    return Message(text, plural, context) if text else None


def _literal(arguments: list[ast.expr], at: int | None) -> str:
    argument = arguments[at] if at is not None and at < len(arguments) else None
    return argument.value if isinstance(argument, ast.Constant) and isinstance(argument.value, str) else ""


def in_template(source: str) -> list[Message]:
    """Return the messages of the Django template `source`: its tags, and literals like `_("word")`."""
    from django.template import Engine, Template  # noqa: PLC0415  # Django is set up by whoever calls
    from django.utils import translation  # noqa: PLC0415

    with translation.override(None):
        return list(_of_part(Template(source, engine=Engine.get_default()).nodelist))


def _of_part(part: object) -> Iterator[Message]:
    """Give the messages of a node, a list of nodes, an expression or a variable, and of all within."""
    from django.template.base import FilterExpression, Node, Variable  # noqa: PLC0415
    from django.templatetags.i18n import BlockTranslateNode, TranslateNode  # noqa: PLC0415
    from django.utils.functional import Promise  # noqa: PLC0415

    if isinstance(part, BlockTranslateNode):
        yield _of_block(part)
    elif isinstance(part, TranslateNode):
        context = _context(part)
        yield Message(_escaped(part.filter_expression.var), context=context)
    elif isinstance(part, Variable) and part.translate:
        yield Message(_escaped(part), context=part.message_context or "")
    elif isinstance(part, Promise):
        # The argument of a filter: `{{ name|default:_("nobody") }}`.
        yield Message(str(part))
    elif isinstance(part, list | tuple):
        for each in part:
            yield from _of_part(each)
    elif isinstance(part, dict):
        yield from _of_part(list(part.values()))
    elif isinstance(part, FilterExpression):
        yield from _of_part([part.var, part.filters])
    elif isinstance(part, Node):
        yield from _of_part([value for name, value in vars(part).items() if name not in {"token", "origin"}])


def _escaped(variable: object) -> str:
    """Return a literal as gettext is asked for it (Variable.resolve doubles the percent signs)."""
    return str(getattr(variable, "literal", variable)).replace("%", "%%")


def _context(node: Any) -> str:
    """Return the context of a translate tag."""
    return str(node.message_context.var) if node.message_context else ""


def _of_block(node: Any) -> Message:
    """Return the message of a {% blocktranslate %}."""
    context = _context(node)
    plural = node.render_token_list(node.plural)[0] if node.plural else ""
    return Message(_trimmed(node, node.render_token_list(node.singular)[0]), _trimmed(node, plural), context)


def _trimmed(node: Any, text: str) -> str:
    from django.utils.translation import trim_whitespace  # noqa: PLC0415

    return trim_whitespace(text) if node.trimmed else text


def merged(po: str, places: dict[Message, list[str]]) -> str:
    """Return the catalogue `po` with exactly the messages of `places`, and its own translations of them."""
    header, *rest = blocks(po)
    known = {_key(block): strings(parts(block)) for block in rest}
    forms = int(header.partition("nplurals=")[2][:1])
    entries = [_entry(message, files, known.get(message.key), forms) for message, files in places.items()]
    return "\n\n".join([header.strip(), *entries]) + "\n"


def _key(block: str) -> str:
    found = parts(block)
    return Message(found["msgid"], found.get("msgid_plural", ""), found.get("msgctxt", "")).key


def _entry(message: Message, files: list[str], translations: list[str] | None, forms: int) -> str:
    """Return one entry of a .po file; without translations it waits for them, empty."""
    lines = [f"#: {' '.join(files)}"]
    lines += ["#, python-format"] if "%(" in message.text else []
    lines += [f"msgctxt {_quoted(message.context)}"] if message.context else []
    lines += [f"msgid {_quoted(message.text)}"]
    if not message.plural:
        return "\n".join([*lines, f"msgstr {_quoted((translations or [''])[0])}"])
    lines += [f"msgid_plural {_quoted(message.plural)}"]
    return "\n".join(lines + [f"msgstr[{n}] {_quoted(text)}" for n, text in enumerate(translations or [""] * forms)])


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def main(catalogues: Iterable[Path]) -> None:
    """Bring every catalogue up to date, and say how many messages wait for a translation."""
    places = said()
    for path in catalogues:
        text = merged(path.read_text("utf-8"), places)
        path.write_text(text, "utf-8")
        empty = sum("" in strings(parts(block)) for block in blocks(text)[1:])
        sys.stdout.write(f"{path.parts[-3]}: {len(places)} messages, {empty} without a translation\n")


if __name__ == "__main__":
    os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="postern-messages-")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    import django

    django.setup()
    main(sorted((ROOT / "locale").glob("*/LC_MESSAGES/django.po")))
