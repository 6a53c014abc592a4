"""Readers mark as unread what they read; what waits is counted by one index, marks included."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("messages_app", "0012_indexes_for_intake"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="recipient",
            name="recipient_unread",
        ),
        migrations.AddField(
            model_name="recipient",
            name="marked_unread_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddIndex(
            model_name="recipient",
            index=models.Index(
                condition=models.Q(("state", "held"), ("marked_unread_at__isnull", False), _connector="OR"),
                fields=["claimed_by", "expires_at"],
                name="recipient_unread",
            ),
        ),
    ]
