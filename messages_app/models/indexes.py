"""Indexes that cost little where rows are written most: at intake, each message has a dozen entries to make."""

from django.db import models


def present_index(*fields: str, name: str) -> models.Index:
    """Return an index of the rows that have a value in the first of `fields`.

    Both databases use it for every comparison with a value, foreign keys' too; NULL
    itself is looked for in no query.
    """
    return models.Index(fields=fields, name=name, condition=models.Q(**{f"{fields[0]}__isnull": False}))


def prefix_index(field: str, *, name: str) -> models.Index:
    """Return an index of a text by which its beginning can be looked for, and all of it.

    `db_index=True` makes two on PostgreSQL: one that knows no beginnings, and this one, which can do both.
    """
    return models.Index(fields=[field], name=name, opclasses=["varchar_pattern_ops"])
