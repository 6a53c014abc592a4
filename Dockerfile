# One image for every role; which one it is, the command and ROLE say (compose.yaml).
FROM python:3.11-slim-bookworm AS build
WORKDIR /app
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY requirements.lock ./
RUN python -m venv /venv && /venv/bin/pip install --require-hashes -r requirements.lock
COPY manage.py ./
COPY portal portal
COPY gateway gateway
COPY messages_app messages_app
COPY notifications notifications
COPY static static
COPY templates templates
COPY locale locale
# Static files are part of the image; the key made for this one command is thrown away with the stage's data.
RUN DATA_DIR=/tmp/build /venv/bin/python manage.py collectstatic --noinput --verbosity=0 \
    && mkdir -p /data/keys /data/public /data/store /data/smtpd /data/progress \
    && mv /tmp/build/static /data/static \
    && /venv/bin/python -m compileall -q portal gateway messages_app notifications

FROM python:3.11-slim-bookworm
WORKDIR /app
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 DATA_DIR=/data
COPY --from=build /venv /venv
COPY --from=build /app /app
COPY --from=build --chown=10001:10001 /data /data
# A number, so that an orchestrator can see that it is not root.
USER 10001:10001
CMD ["gunicorn", "portal.wsgi", "--bind=0.0.0.0:8000", "--worker-class=gthread", "--threads=8", "--no-control-socket"]
