"""Which addresses of Redis a producer takes."""

import re
from urllib.parse import urlsplit

from producers.errors import InvalidRequest
from producers.line import Address


def check_urls(*urls: str) -> None:
    """Raise InvalidRequest unless a connection can be made of each; nothing is connected."""
    for url in urls:
        Address(url)  # raises where redis-py would
        parts = urlsplit(url)
        if parts.scheme != "unix" and not re.fullmatch("[0-9]*", parts.path.strip("/")):
            # redis-py would take database 0; what stands there is not repeated, since it may be a part of a password
            raise InvalidRequest("behind the host of the URL should stand the number of a database, as in /0")
