"""The names of files in one archive: safe, and each only once."""

from collections.abc import Iterable

from messages_app.rules.filenames import clean


def unique(files: Iterable[tuple[int, str, str]]) -> dict[int, str]:
    """Return a name for each (number, name, media type): cleaned, and numbered where it stands already.

    Names that differ in case alone are one name on many systems.
    """
    taken: set[str] = set()
    names = {}
    for number, name, media_type in files:
        names[number] = _free(clean(name, media_type, number), taken)
        taken.add(names[number].casefold())
    return names


def _free(name: str, taken: set[str]) -> str:
    """Return `name`, or the first of "name (2).ext", "name (3).ext", ... that is not taken."""
    stem, dot, extension = name.rpartition(".")
    if not stem:
        stem, dot, extension = name, "", ""
    count, free = 1, name
    while free.casefold() in taken:
        count += 1
        free = f"{stem} ({count}){dot}{extension}"
    return free
