"""Fewer index entries a message: none for what it has no value in yet, one where there were two.

The fields are altered in Django's state alone. On SQLite it would copy whole tables
for them, and lose the triggers that keep the audit log append-only.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import Q

# Indexes of these columns alone were made with the fields; what is still needed is made anew below.
REPLACED = {
    "AuditEvent": ("event", "recipient_id"),
    "KeyWrap": ("author_id", "key_id", "recipient_id"),
    "Message": ("answers_id", "author_id", "message_id_index", "on_behalf_of_id", "reverse_path"),
    "Recipient": ("claimed_by_id", "mailbox"),
}


def drop_replaced(apps, schema_editor) -> None:
    """Drop the indexes of the columns above, on PostgreSQL those for beginnings too."""
    for name, columns in REPLACED.items():
        table = apps.get_model("messages_app", name)._meta.db_table
        with schema_editor.connection.cursor() as cursor:
            found = schema_editor.connection.introspection.get_constraints(cursor, table)
        for index, facts in found.items():
            if facts["index"] and not facts["unique"] and len(facts["columns"]) == 1 and facts["columns"][0] in columns:
                schema_editor.execute(f"DROP INDEX {schema_editor.quote_name(index)}")


def nullable_key(to, name, on_delete=django.db.models.deletion.SET_NULL):
    """Return a foreign key without an index of its own."""
    return models.ForeignKey(to, blank=True, db_index=False, null=True, on_delete=on_delete, related_name=name)


def present(name, *fields):
    """Return an index of the rows that have a value in the first of `fields`."""
    return models.Index(fields=fields, name=name, condition=Q(**{f"{fields[0]}__isnull": False}))


def beginning(name, field):
    """Return an index of a text and of its beginnings."""
    return models.Index(fields=[field], name=name, opclasses=["varchar_pattern_ops"])


USER, CASCADE = settings.AUTH_USER_MODEL, django.db.models.deletion.CASCADE
FIELDS = [
    ("auditevent", "event", models.CharField(max_length=64)),
    ("auditevent", "recipient_id", models.UUIDField(blank=True, null=True)),
    ("keywrap", "author", nullable_key(USER, "+", CASCADE)),
    ("keywrap", "key_id", models.CharField(max_length=40)),
    ("keywrap", "recipient", nullable_key("messages_app.recipient", "wraps", CASCADE)),
    ("message", "answers", nullable_key("messages_app.recipient", "replies")),
    ("message", "author", nullable_key(USER, "+")),
    ("message", "message_id_index", models.BinaryField(blank=True, max_length=32, null=True)),
    ("message", "on_behalf_of", nullable_key(USER, "+")),
    ("message", "reverse_path", models.CharField(blank=True, max_length=320)),
    ("recipient", "claimed_by", nullable_key(USER, "claimed")),
    ("recipient", "mailbox", models.CharField(max_length=640)),
]
INDEXES = [
    ("auditevent", beginning("audit_event", "event")),
    ("auditevent", present("audit_recipient", "recipient_id")),
    ("keywrap", models.Index(fields=["key_id"], name="key_wrap_key")),
    ("keywrap", present("key_wrap_author", "author", "key_id")),
    ("message", beginning("message_sender", "reverse_path")),
    ("message", present("message_by_message_id", "message_id_index")),
    ("message", present("message_author", "author")),
    ("message", present("message_on_behalf_of", "on_behalf_of")),
    ("message", present("message_answers", "answers")),
    ("recipient", beginning("recipient_mailbox", "mailbox")),
    ("recipient", present("recipient_inbox", "claimed_by", "-held_at")),
    ("recipient", present("recipient_thread", "claimed_by", "conversation", "held_at")),
]


class Migration(migrations.Migration):
    dependencies = [
        ("messages_app", "0011_gate_then"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.RemoveIndex("recipient", "recipient_inbox"),
        migrations.RemoveIndex("recipient", "recipient_thread"),
        migrations.SeparateDatabaseAndState(
            [migrations.RunPython(drop_replaced, migrations.RunPython.noop)],
            [migrations.AlterField(*field) for field in FIELDS],
        ),
        *(migrations.AddIndex(*index) for index in INDEXES),
    ]
