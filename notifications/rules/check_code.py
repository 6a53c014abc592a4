"""The code by which a reader can ask whether a notice is genuine: eight letters in two groups."""

# No vowels, so that no words come about, and nothing that looks like something else.
LETTERS = "BCDFGHJKMNPQRSTVWXYZ"
LENGTH = 8
GROUP = 4
HOW_MANY = len(LETTERS) ** LENGTH


def spell(number: int) -> str:
    """Return the code of `number`, as "BCDF-GHJK"; numbers HOW_MANY apart have the same one."""
    letters = ""
    for _ in range(LENGTH):
        number, digit = divmod(number, len(LETTERS))
        letters += LETTERS[digit]
    return f"{letters[:GROUP]}-{letters[GROUP:]}"


def read(text: str) -> str | None:
    """Return the code that somebody typed, in the one form that `spell` has, or None where it can be none."""
    letters = "".join(c for c in text[:100].upper() if not c.isspace() and c not in "-\u2013\u2014.")
    if len(letters) != LENGTH or not set(letters) <= set(LETTERS):
        return None
    return f"{letters[:GROUP]}-{letters[GROUP:]}"
