"""Each held copy knows its conversation, so that a list is found by an index of one table."""

from django.db import migrations, models
from django.db.models import OuterRef, Subquery


def fill(apps, schema_editor):
    """Give the copies that are held, or were, the conversation of their message."""
    message = apps.get_model("messages_app", "Message").objects.filter(pk=OuterRef("message"))
    held = apps.get_model("messages_app", "Recipient").objects.filter(held_at__isnull=False)
    held.update(conversation=Subquery(message.values("conversation")))


class Migration(migrations.Migration):
    dependencies = [
        ("messages_app", "0008_notice_language"),
    ]

    operations = [
        migrations.AddField(
            model_name="recipient",
            name="conversation",
            field=models.UUIDField(blank=True, editable=False, null=True),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop, elidable=True),
        migrations.AddIndex(
            model_name="recipient",
            index=models.Index(fields=["claimed_by", "conversation", "held_at"], name="recipient_thread"),
        ),
        migrations.AddIndex(
            model_name="recipient",
            index=models.Index(
                fields=["claimed_by", "expires_at"], condition=models.Q(state="held"), name="recipient_unread"
            ),
        ),
    ]
