"""Settings of the tests: an own data directory and keys, tasks run where they are enqueued."""

import atexit
import os
import shutil
import sys
import tempfile

from cryptography.fernet import Fernet

if "TESTS_DIRECTORY" not in os.environ:  # all processes of a run have it in common; gone when the tests end
    os.environ["TESTS_DIRECTORY"] = tempfile.mkdtemp(prefix="tracsync-tests-")
    atexit.register(shutil.rmtree, os.environ["TESTS_DIRECTORY"])
# Compiled modules are kept, whatever images for containers say: tests start hundreds of processes.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
os.environ["TRACSYNC_DATA_DIR"] = os.path.join(os.environ["TESTS_DIRECTORY"], "data")
os.environ["SECRET_KEY"] = "for tests only, and as long as a key must be"
os.environ["TRACSYNC_ENCRYPTION_KEYS"] = Fernet.generate_key().decode()
for name in ("DATABASE_URL", "REDIS_URL", "TRACSYNC_QUIET_PERIOD", "TRACSYNC_ALLOWED_INTERNAL_NETWORKS"):
    os.environ.pop(name, None)
for name in ("DATABASE_URL", "REDIS_URL", "EMAIL_URL", "SECRET_KEY", "TRACSYNC_ENCRYPTION_KEYS"):
    os.environ.pop(f"{name}_FILE", None)
if "TRACSYNC_TEST_DATABASE_URL" in os.environ:
    os.environ["DATABASE_URL"] = os.environ["TRACSYNC_TEST_DATABASE_URL"]

from tracsync.settings import *  # noqa: E402, F403
from tracsync.settings import Q_CLUSTER  # noqa: E402

Q_CLUSTER["sync"] = True
TRACSYNC_ALLOWED_INTERNAL_NETWORKS = ["127.0.0.0/8"]
WHITENOISE_AUTOREFRESH = True  # else every test client would look at all static files
AXES_ENABLED = False  # but where it is what is tried
MIGRATION_MODULES = {"axes": None}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
