"""Search everything that a stack keeps for words that it must not keep readable."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.harness.letters import spellings
from tests.harness.stack import Stack

BLOCK = 16 * 1024 * 1024
OVERLAP = 4096
EVERY_VALUE = """
def _clear(value):
    if isinstance(value, memoryview):
        value = bytes(value)
    return value.hex() + repr(value) if isinstance(value, bytes) else str(value)

chr(10).join(
    f"{model.__name__}.{name}: {_clear(value)}"
    for model in apps.get_models()
    for row in model.objects.values()
    for name, value in row.items()
)
"""


def blocks(file: Path) -> Iterator[bytes]:
    """Yield the content of `file` in overlapping blocks; nothing where it vanished."""
    try:
        with file.open("rb") as stream:
            before = b""
            while block := stream.read(BLOCK):
                yield before + block
                before = block[-OVERLAP:]
    except FileNotFoundError:
        return


def _files(folder: Path) -> Iterator[Path]:
    """Yield every file below `folder`; what vanishes meanwhile is left out, with all below it."""
    for parent, _folders, names in os.walk(folder):
        yield from (file for name in names if (file := Path(parent, name)).is_file())


def places(folders: Iterable[Path], words: Iterable[str]) -> list[str]:
    """Return "file: word" for each of the `words` that is readable in a file below `folders`."""
    needles = {word: list(spellings(word)) for word in words}
    return sorted(
        f"{file}: {word}"
        for folder in folders
        for file in _files(folder)
        for word, each in needles.items()
        if any(needle in block for block in blocks(file) for needle in each)
    )


def rows(stack: Stack, words: Iterable[str]) -> list[str]:
    """Return "Model.field: word" for each of the `words` that is readable in the database."""
    text = stack.ask(EVERY_VALUE)
    return sorted(
        f"{line.split(':')[0]}: {word}"
        for line in text.splitlines()
        for word in words
        if any(needle in line.encode() for needle in spellings(word))
    )
