"""Sources: the systems that profiles come from, each by a name."""

import re
from typing import Final

from django.utils.translation import gettext_lazy as _

MOST_NAME: Final = 50
NO_NAME: Final = _(
    "A source is named by small letters, digits, - and _, at most 50 of them, the first a letter or a digit."
)
_NAME: Final = re.compile(rf"[a-z0-9][a-z0-9_-]{{0,{MOST_NAME - 1}}}")


def is_name(text: str) -> bool:
    return _NAME.fullmatch(text) is not None
