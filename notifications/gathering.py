"""Several news in one mail: what belongs together joins the notice that is about to leave."""

from collections.abc import Sequence
from typing import Any

from notifications.models import Notice


def join(name: str, news: Sequence[dict[str, str]], *, most: int | None = None, **about: Any) -> bool:
    """Add `news` to what the notice with the columns `about` says under `name`; return whether there is one.

    Not to one that a worker has: it may have left. What is beyond `most` is dropped.
    Runs in the caller's transaction.
    """
    waiting = Notice.objects.select_for_update(of=("self",)).filter(state=Notice.State.DUE, lease_token=None, **about)
    notice = waiting.first()
    if notice is None:
        return False
    notice.parameters[name] = [*notice.parameters[name], *news][:most]
    notice.save(update_fields=["parameters"])
    return True
