"""Every setting, from the environment; `.env.example` lists each with its default.

The embedded default needs nothing: SQLite, a file broker and files in `var/`.
PostgreSQL, Redis and a smarthost are chosen by environment variables alone.
"""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from csp.constants import NONE, SELF
from django.core.management.utils import get_random_secret_key

from portal.accounts.rules.oidc import parse as parse_providers
from portal.env import BASE_DIR, boolean, choice, env, mailbox, networks, parsed, path, seconds

env.read_env(str(BASE_DIR / ".env"), overwrite=False) if (BASE_DIR / ".env").exists() else None

# --- Which process this is: web, smtpd, delivery, notices, beat, all (embedded worker), or "" for tools.
ROLE = env.str("ROLE", default="")
DEMO = env.str("DEMO", default="") == "1"
DEBUG = False

DATA_DIR = path("DATA_DIR", BASE_DIR / "var") or BASE_DIR / "var"


def _embedded_secret() -> str:
    """Return the secret key kept in the data directory, made at first use (embedded default)."""
    file = DATA_DIR / "secret_key"
    if not file.exists():
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(get_random_secret_key())
    return file.read_text()


SECRET_KEY = env.str("SECRET_KEY", default="") or _embedded_secret()

# --- The portal's address: cookies, links, HSTS and redirects follow its scheme.
PORTAL_BASE_URL = env.str("PORTAL_BASE_URL", default="http://localhost:8000").rstrip("/")
_portal = urlsplit(PORTAL_BASE_URL)
HTTPS = _portal.scheme == "https"
PORTAL_HOST = _portal.hostname or "localhost"
PORTAL_NAME = env.str("PORTAL_NAME", default="Postern")
ORGANISATION = env.str("ORGANISATION", default="")
# Where bodies of messages are shown, on a host that gets no cookies; "" for the portal's own.
CONTENT_BASE_URL = env.str("CONTENT_BASE_URL", default="").rstrip("/")
CONTENT_HOST = urlsplit(CONTENT_BASE_URL).hostname or ""
ALLOWED_HOSTS = [PORTAL_HOST, *filter(None, [CONTENT_HOST]), *env.list("EXTRA_HOSTS", default=[])]
CSRF_TRUSTED_ORIGINS = [PORTAL_BASE_URL]
CSRF_FAILURE_VIEW = "portal.errors.too_old"
# Where gunicorn listens under `manage.py up`; a TLS proxy stands before it off loopback.
WEB_LISTEN = env.str("WEB_LISTEN", default=f"127.0.0.1:{_portal.port or 8000}")
ADMIN_PATH = env.str("ADMIN_PATH", default="staff/")
# From where the admin may be seen at all; empty: from anywhere.
ADMIN_NETWORKS = networks("ADMIN_NETWORKS")
# After this long the admin asks who is there once more.
ADMIN_FRESH_SECONDS = seconds("ADMIN_FRESH_SECONDS", 60 * 60)
# Every page says that the portal is being worked on, and when to come back.
MAINTENANCE = boolean("MAINTENANCE", default=False)
MAINTENANCE_SECONDS = seconds("MAINTENANCE_SECONDS", 1800)
TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXY_COUNT", default=0)

# With whom readers may sign in, and for which domains it counts. It holds secrets: OIDC_PROVIDERS_FILE is better.
OIDC_PROVIDERS = parsed("OIDC_PROVIDERS", parse_providers)

# --- Stores.
_database = env.db_url("DATABASE_URL", default=f"sqlite:///{DATA_DIR}/postern.sqlite3")
EMBEDDED = _database["ENGINE"].endswith("sqlite3")
REDIS_URL = env.str("REDIS_URL", default="")
# A client of intake hears of a database that is away or locked within seconds; nobody waits for the others.
_IS_INTAKE = ROLE == "smtpd"
_SQLITE = {
    "timeout": 8 if _IS_INTAKE else 20,
    "transaction_mode": "IMMEDIATE",
    # secure_delete: a shredded wrap must not live on in a free page.
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; "
    "PRAGMA secure_delete=ON;",
}
if EMBEDDED:
    _database["OPTIONS"] = dict(_SQLITE)
else:
    from portal.watched import WatchedConnection

    _pool = {
        "min_size": 1,
        "max_size": 20,
        "connection_class": WatchedConnection,
        "timeout": 3 if _IS_INTAKE else 30,
        # Whoever asks next tries to connect at once: left to itself the pool tries after twice as long each time.
        "reconnect_timeout": 5,
    }
    # How libpq learns of a host that is gone without a word, in place of after a quarter of an hour.
    _gone = {"connect_timeout": 3 if _IS_INTAKE else 10, "keepalives_idle": 10, "keepalives_interval": 5}
    _gone |= {"keepalives_count": 3, "tcp_user_timeout": 15_000}
    # What is asked again and again (`messages_app.prepared`, intake) is kept ready; Django's own statements never are.
    _kept: dict[str, Any] = {"prepare_threshold": 0, "pool": _pool}
    _database["OPTIONS"] = _gone | _database.get("OPTIONS", {}) | _kept
    # Looked at as it leaves the pool: where PostgreSQL was restarted, each connection would fail one page or task.
    _database["CONN_HEALTH_CHECKS"] = True
DATABASES = {"default": _database}
if REDIS_URL:
    # A Redis that is away must hold up neither a page nor the 250 of intake.
    _REDIS_WAITS = {"socket_connect_timeout": 2, "socket_timeout": 5}
    CACHES = {
        "default": {
            "BACKEND": "portal.cache.KeptRedisCache",
            "LOCATION": REDIS_URL,
            "OPTIONS": dict(_REDIS_WAITS),
        }
    }
else:
    # A second file, so that sessions and rate limits never wait for mail.
    DATABASES["cache"] = {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(DATA_DIR / "cache.sqlite3"),
        "OPTIONS": dict(_SQLITE) | {"init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"},
    }
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.db.DatabaseCache",
            "LOCATION": "cache",
            # At Django's 300 a crowd of visitors would push out what rate limits have counted.
            "OPTIONS": {"MAX_ENTRIES": 10_000},
        }
    }
DATABASE_ROUTERS = ["portal.databases.CacheRouter"]
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
STORE_DIR = path("STORE_DIR", DATA_DIR / "store")

# --- Keys. The processes on port 25 and for notices are never given KEY_DIR (set it empty for them).
KEY_DIR = path("KEY_DIR", None if ROLE in {"smtpd", "notices", "beat"} else DATA_DIR / "keys")
ROOT_PUBLIC_KEY = path("ROOT_PUBLIC_KEY", DATA_DIR / "public" / "root.pub")
# Signs return-paths of our own notices, so that intake knows them when they come back.
LOOP_KEY = env.str("LOOP_KEY", default="") or SECRET_KEY

# --- Intake.
SMTPD_LISTEN = env.str("SMTPD_LISTEN", default="127.0.0.1:2525")
# For mail programs: STARTTLS as on port 587, and TLS from the first byte as on 465.
SMTPD_SUBMISSION_LISTEN = env.str("SMTPD_SUBMISSION_LISTEN", default="")
SMTPD_SUBMISSIONS_LISTEN = env.str("SMTPD_SUBMISSIONS_LISTEN", default="")
SMTPD_HOSTNAME = env.str("SMTPD_HOSTNAME", default=PORTAL_HOST)
SMTPD_CERTIFICATE = path("SMTPD_CERTIFICATE", DATA_DIR / "smtpd" / "cert.pem")
SMTPD_PRIVATE_KEY = path("SMTPD_PRIVATE_KEY", DATA_DIR / "smtpd" / "key.pem")
SMTPD_REQUIRE_TLS = boolean("SMTPD_REQUIRE_TLS", default=True)
SMTPD_CLIENT_CERTIFICATES = boolean("SMTPD_CLIENT_CERTIFICATES", default=True)
SMTPD_CONNECTIONS = env.int("SMTPD_CONNECTIONS", default=1000)
SMTPD_CONNECTIONS_PER_CLIENT = env.int("SMTPD_CONNECTIONS_PER_CLIENT", default=100)
# 0: one for each processor, four at most.
SMTPD_PROCESSES = env.int("SMTPD_PROCESSES", default=0)
SMTPD_IDLE_SECONDS = seconds("SMTPD_IDLE_SECONDS", 300)
MESSAGE_SIZE_LIMIT = env.int("MESSAGE_SIZE_LIMIT", default=100 * 1024 * 1024)
RECIPIENT_LIMIT = env.int("RECIPIENT_LIMIT", default=1000)
MIN_FREE_BYTES = env.int("MIN_FREE_BYTES", default=1024 * 1024 * 1024)
# With more recipients in the queue, or one due for longer that nobody tried, intake answers 452; 0 rows: no limit.
QUEUE_DEPTH_LIMIT = env.int("QUEUE_DEPTH_LIMIT", default=2_000_000)
QUEUE_AGE_LIMIT_SECONDS = seconds("QUEUE_AGE_LIMIT_SECONDS", 4 * 3600)

# --- Delivery.
HELO_NAME = env.str("HELO_NAME", default=SMTPD_HOSTNAME)
# Without a sign of life; it is renewed four times as often.
DELIVERY_LEASE_SECONDS = seconds("DELIVERY_LEASE_SECONDS", 600)
# Connections to one destination at once, over all workers, at the best of times; fewer than a worker has threads.
DESTINATION_CONCURRENCY = env.int("DESTINATION_CONCURRENCY", default=5)
AMBIGUOUS_RETRY_SECONDS = seconds("AMBIGUOUS_RETRY_SECONDS", 900)
SWEEP_SECONDS = seconds("SWEEP_SECONDS", 30)
# So long a reply waits before it leaves, and its writer can take it back.
UNDO_SECONDS = seconds("UNDO_SECONDS", 15)
# Whether the policies that domains publish by MTA-STS are fetched and kept to, and how often their record is looked at.
MTA_STS = boolean("MTA_STS", default=True)
MTA_STS_CHECK_SECONDS = seconds("MTA_STS_CHECK_SECONDS", 3600)
# Whether held mail that nobody has opened is delivered once TLS there can be had.
LATE_RELEASE = boolean("LATE_RELEASE", default=True)
# Seams for tests and the demo; `checks.py` refuses them unless everything is bound to loopback.
DNS_SERVERS = env.list("DNS_SERVERS", default=[])
MX_PORT = env.int("MX_PORT", default=25)
MX_ALLOW_NETWORKS = networks("MX_ALLOW_NETWORKS")
MTA_STS_PORT = env.int("MTA_STS_PORT", default=443)
TRUST_ROOTS = path("TRUST_ROOTS", None)

# --- Holding.
HOLD_DAYS = env.int("HOLD_DAYS", default=30)

# --- Notices: a smarthost (smtp+tls://user:password@host:587), or mx: for the recipient's own MX.
EMAIL_URL = env.str("EMAIL_URL", default="mx:")
NOTICE_FROM = env.str("NOTICE_FROM", default=f"notice@{PORTAL_HOST}")
# Who helps readers: pages and mails name it, and replies to notices go there or to an address of their own.
HELP_ADDRESS = mailbox("HELP_ADDRESS")
NOTICE_REPLY_TO = env.str("NOTICE_REPLY_TO", default="") or HELP_ADDRESS
# Where notices go with `mx:`; named here since notifications can't import the gateway.
NOTICE_MX_HOSTS = "gateway.notice_hosts.find"
REPLY_FROM_RECIPIENT = boolean("REPLY_FROM_RECIPIENT", default=True)
# Mail leaves by the transport of `notifications` alone: what anybody hands to Django goes nowhere.
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"

# --- Django.
INSTALLED_APPS = [
    "portal.apps.PortalConfig",
    "portal.accounts.apps.AccountsConfig",
    "gateway.apps.GatewayConfig",
    "notifications.apps.NotificationsConfig",
    "messages_app.apps.MessagesAppConfig",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "portal.accounts.oidc",
    "allauth.usersessions",
    "csp",
    "portal.apps.StaffSiteConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "django.forms",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "portal.middleware.SecurityHeadersMiddleware",
    "portal.middleware.PolicyMiddleware",
    "portal.middleware.MethodsMiddleware",
    # Above whatever reads a cookie.
    "portal.content_host.ContentHostMiddleware",
    # Above whatever asks the database or the cache.
    "portal.maintenance.MaintenanceMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    # Writes what allauth's UserSessionsMiddleware would, once a minute instead of each time.
    "portal.middleware.SessionAgeMiddleware",
    "portal.middleware.PreferencesMiddleware",
    "portal.middleware.StaffSecondFactorMiddleware",
]
ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "portal.templating.Templates",
        "NAME": "django",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.context.portal",
            ],
        },
    },
]
# Forms are drawn with the portal's own field templates.
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
# Uploads are sealed as they arrive: nothing unsealed touches the disk.
FILE_UPLOAD_HANDLERS = ["messages_app.uploads.SealedUploadHandler"]
# What one account may keep in drafts, and send in 24 hours: bytes, and how many replies.
DRAFT_QUOTA = env.int("DRAFT_QUOTA", default=200 * 1024 * 1024)
REPLY_BYTES_PER_DAY = env.int("REPLY_BYTES_PER_DAY", default=500 * 1024 * 1024)
REPLIES_PER_DAY = env.int("REPLIES_PER_DAY", default=200)
# A scanner of attachments: the path of clamd's socket, or host:port. Empty: none.
CLAMD_SOCKET = env.str("CLAMD_SOCKET", default="")
# What could not be scanned stays shut until it was; otherwise it is offered with these words.
CLAMD_REQUIRED = boolean("CLAMD_REQUIRED", default=True)
UPLOAD_LIMIT = env.int("UPLOAD_LIMIT", default=50 * 1024 * 1024)
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
LANGUAGE_CODE = "en"
# Each in its own words, for whoever can read only those.
LANGUAGES = [("en", "English"), ("de", "Deutsch"), ("fr", "Français"), ("es", "Español"), ("ar", "العربية")]
# What mail to people whose language nobody knows is written in: senders, staff, and readers without an account.
ORGANISATION_LANGUAGE = choice("ORGANISATION_LANGUAGE", [code for code, _name in LANGUAGES], default="en")
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = ["portal.formats"]
TIME_ZONE = env.str("TIME_ZONE", default="UTC")
USE_TZ = True

# --- Sessions and cookies.
SESSION_COOKIE_NAME = "__Host-session" if HTTPS else "session"
CSRF_COOKIE_NAME = "__Host-csrf" if HTTPS else "csrf"
LANGUAGE_COOKIE_NAME = "__Host-language" if HTTPS else "language"
MESSAGE_STORAGE = "portal.said.Said"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = LANGUAGE_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_IDLE_SECONDS = seconds("SESSION_IDLE_SECONDS", 30 * 60)
SESSION_COOKIE_AGE = 12 * 60 * 60
SESSION_EXPIRE_AT_BROWSER_CLOSE = True

# --- Web security.
SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 63_072_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXY_COUNT else None
# `no-referrer` makes Chromium send `Origin: null`, and the sign-in form would be refused.
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "frame-src": [SELF, *filter(None, [CONTENT_BASE_URL])],
        # A form leads to a sign-in provider too, by a redirect, which Chromium counts.
        "form-action": [SELF, *sorted({provider.origin for provider in OIDC_PROVIDERS})],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

# --- Accounts (allauth). First contact is our own flow; its sign-up stays closed.
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["portal.accounts.lookup.EvenBackend"]
PASSWORD_HASHERS = ["portal.accounts.hashers.BoundedArgon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "portal.accounts.validators.MaximumLengthValidator", "OPTIONS": {"max_length": 128}},
    {"NAME": "portal.accounts.validators.NoCommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "inbox"
LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_ADAPTER = "portal.accounts.adapter.PortalAccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_TIMEOUT = 600
ACCOUNT_PASSWORD_RESET_BY_CODE_ENABLED = True
ACCOUNT_PASSWORD_RESET_BY_CODE_TIMEOUT = 600
ALLAUTH_USER_CODE_FORMAT = {"length": 6, "dashed": False}
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXY_COUNT
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_DEFAULT_HTTP_PROTOCOL = _portal.scheme
ACCOUNT_LOGIN_BY_CODE_ENABLED = False
ACCOUNT_LOGIN_ON_PASSWORD_RESET = False
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = True
ACCOUNT_CHANGE_EMAIL = False
ACCOUNT_MAX_EMAIL_ADDRESSES = 1
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_FORMS = {
    "login": "portal.accounts.sign_in_forms.PortalLoginForm",
    "reset_password": "portal.accounts.sign_in_forms.PortalResetForm",
    "reset_password_from_key": "portal.accounts.sign_in_forms.PortalNewPasswordForm",
    "change_password": "portal.accounts.sign_in_forms.PortalChangePasswordForm",
    "set_password": "portal.accounts.sign_in_forms.PortalSetPasswordForm",
    "reauthenticate": "portal.accounts.sign_in_forms.PortalReauthenticateForm",
    "confirm_password_reset_code": "portal.accounts.sign_in_forms.PortalResetCodeForm",
    "confirm_email_verification_code": "portal.accounts.sign_in_forms.PortalVerificationCodeForm",
}
MFA_FORMS = {
    "authenticate": "portal.accounts.sign_in_forms.PortalFactorForm",
    "reauthenticate": "portal.accounts.sign_in_forms.PortalReauthenticateByFactorForm",
    "activate_totp": "portal.accounts.sign_in_forms.PortalActivateTOTPForm",
    "add_webauthn": "portal.accounts.sign_in_forms.PortalAddWebAuthnForm",
    "edit_webauthn": "portal.accounts.sign_in_forms.PortalEditWebAuthnForm",
}
# Count/time/per: per address or link ("key") and per client ("ip"). Whoever is locked out waits 10 minutes at most.
ACCOUNT_RATE_LIMITS = {
    "login": "30/m/ip",
    "login_failed": "20/m/ip,5/10m/key",
    "reset_password": "20/m/ip,5/10m/key",
    "reset_password_from_key": "20/m/ip",
    "change_password": "20/m/ip,10/10m/user",
    "reauthenticate": "20/m/ip,10/10m/user",
    "first_contact": "20/m/ip,6/10m/key",
    "first_contact_code": "20/m/ip",
    "first_contact_password": "20/m/ip",
    "not_me": "10/m/ip",
    "genuine": "10/m/ip",
    "phrase": "20/m/ip",
    "release": "10/m/ip",
    "unlock": "20/m/ip,5/10m/user",
    "reply": "120/10m/ip,30/10m/user",
    "provider": "20/m/ip",
}
SOCIALACCOUNT_ADAPTER = "portal.accounts.oidc.adapter.PortalSocialAdapter"
SOCIALACCOUNT_AUTO_SIGNUP = False
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_REQUESTS_TIMEOUT = 5
MFA_ADAPTER = "portal.accounts.mfa_adapter.PortalMFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not HTTPS
MFA_TOTP_ISSUER = PORTAL_NAME
USERSESSIONS_TRACK_ACTIVITY = True

# --- Celery: ids only; rows are the truth.
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_TASK_ACKS_LATE = True
# A dead broker must not hold up a request or an SMTP reply: the sweep finds the row.
CELERY_TASK_PUBLISH_RETRY = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BEAT_SCHEDULER = "portal.beat:Scheduler"
if REDIS_URL:
    CELERY_BROKER_URL = REDIS_URL
    CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {**_REDIS_WAITS, "max_retries": 0}
else:
    CELERY_BROKER_URL = "filesystem://localhost"
    _broker = DATA_DIR / "broker"
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(_broker / "queue"),
        "data_folder_out": str(_broker / "queue"),
        "processed_folder": str(_broker / "processed"),
        "control_folder": str(_broker / "control"),
        "store_processed": False,
        "polling_interval": 0.2,
    }
    CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "beat-schedule")

LOGGING_CONFIG = "portal.logging.configure"
LOG_FORMAT = env.str("LOG_FORMAT", default="console" if EMBEDDED else "json")
LOG_LEVEL = env.str("LOG_LEVEL", default="INFO")
LOGGING = {"format": LOG_FORMAT, "level": LOG_LEVEL}

__all__ = [name for name in dir() if name.isupper()]
Path(DATA_DIR).mkdir(mode=0o700, parents=True, exist_ok=True)
