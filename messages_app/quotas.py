"""How much one account may keep in drafts, and send in a day: past that a form says so, and loses nothing."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, Sum
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from messages_app.models import DraftFile, Message

DAY = timedelta(days=1)


def why_not_send(user: Any, size: int, now: datetime) -> str:
    """Return why `user` can't send a reply with `size` bytes of files at `now`, in words; "" where they can."""
    lately = Message.objects.filter(author=user.pk, origin=Message.Origin.PORTAL, accepted_at__gt=now - DAY)
    sent = lately.aggregate(replies=Count("pk"), size=Sum("size", default=0))
    if sent["replies"] >= settings.REPLIES_PER_DAY:
        most = settings.REPLIES_PER_DAY
        return ngettext(
            "You can send %(count)d reply in 24 hours, and have. Save this one as a draft, and send it later.",
            "You can send %(count)d replies in 24 hours, and have. Save this one as a draft, and send it later.",
            most,
        ) % {"count": most}
    if size and sent["size"] + size > settings.REPLY_BYTES_PER_DAY:
        return _(
            "Your replies can have %(size)s in 24 hours, and with these files they would have more. "
            "Send it without them now, or save it as a draft and send it later."
        ) % {"size": filesizeformat(settings.REPLY_BYTES_PER_DAY)}
    return ""


def why_not_keep(user: Any, size: int) -> str:
    """Return why `user` can't keep `size` more bytes of files in drafts, in words; "" where they can."""
    kept = DraftFile.objects.filter(draft__author=user.pk).aggregate(size=Sum("size", default=0))["size"]
    if not size or kept + size <= settings.DRAFT_QUOTA:
        return ""
    return _(
        "Your drafts can have %(size)s of files, and with these they would have more. "
        "Send or delete another draft first, or save this one without the files."
    ) % {"size": filesizeformat(settings.DRAFT_QUOTA)}
