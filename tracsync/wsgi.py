"""For other WSGI servers than ours (`web`)."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tracsync.settings")
os.umask(0o077)  # what is written, such as the database, is for this user only
application = get_wsgi_application()
