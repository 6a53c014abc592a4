"""Several processes under one command: what `manage.py up` does."""
