"""Every URL of the portal: the pickup pages, the account pages and the staff's admin."""

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from portal import errors, genuine, languages

handler400 = errors.refused

urlpatterns: list[URLPattern | URLResolver] = [
    path("help/genuine/", genuine.page, name="help_genuine"),
    path("too-large/", errors.too_large, name="too_large"),
    path("language/", languages.choose, name="choose_language"),
    path("", include("messages_app.urls")),
    path("", include("portal.accounts.urls")),
    path(settings.ADMIN_PATH, admin.site.urls),
]
