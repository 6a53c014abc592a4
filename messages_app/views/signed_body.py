"""The body of a message on a host of its own: no cookie gets there, so its address is signed, for 5 minutes."""

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import translation
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.http import require_safe

from messages_app.views import body
from messages_app.views.access import Source, client_ip, copy_of, says_unopenable

SECONDS = 300
_SALT = "messages_app.body"


def url(source: Source, *, remote_images: bool) -> str:
    """Return the address of the body of `source` for its reader, on the content host."""
    said = {"user": source.user.pk, "copy": source.pk.hex, "images": remote_images}
    return f"{settings.CONTENT_BASE_URL}{reverse('signed_body', args=[signing.dumps(said, salt=_SALT)])}"


@never_cache
@require_safe
@xframe_options_exempt
@says_unopenable
def signed_body(request: HttpRequest, token: str) -> HttpResponse:
    """Show the body that `token` names, as its reader may see it now."""
    if not settings.CONTENT_BASE_URL:
        raise Http404
    try:
        said = signing.loads(token, salt=_SALT, max_age=SECONDS)
    except signing.BadSignature:
        raise Http404 from None
    user = get_object_or_404(get_user_model(), pk=said["user"])
    copy = copy_of(user, said["copy"])
    source = Source("message", copy.pk, user, client_ip(request), recipient=copy)
    with translation.override(user.language or translation.get_language()):
        return body.of_source(source, remote_images=said["images"])
