"""For other WSGI servers than ours (`web`)."""

import os

import django

from tracsync.processes import handler

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tracsync.settings")
os.umask(0o077)  # what is written, such as the database, is for this user only
django.setup(set_prefix=False)
application = handler.application()
