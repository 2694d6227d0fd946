"""Where the bytes of a base image come from: a file of ours, or a web server; nothing of it is kept here."""

import http.client
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any, BinaryIO
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from reconciler.errors import ActionError, PermanentError, TransientError

SILENCE_S = 20.0
"""A web server that sends nothing for so long has broken off."""
WEB = ("http", "https")
LATER = (408, 425, 429, 500, 502, 503, 504)
"""What a server says when it may do better in a moment (RFC 9110, RFC 6585)."""


@dataclass(frozen=True, slots=True)
class Source:
    """Bytes to be read once, and how many there shall be. `name`: for people."""

    name: str
    size: int
    stream: BinaryIO

    def read(self, most: int) -> bytes:
        """The next bytes, empty at the end. Raises: TransientError where the server breaks off."""
        try:
            return self.stream.read(most)
        except (OSError, http.client.HTTPException) as error:
            raise TransientError(f"cannot read {self.name}: it broke off ({_cause(error)})") from None


@contextmanager
def opened(path: str) -> Iterator[Source]:
    """The file or the http(s) URL. Raises: PermanentError, TransientError."""
    stream, size = _from_web(path) if is_url(path) else _from_file(path)
    with stream:
        yield Source(path, size, stream)


@contextmanager
def from_memory(name: str, content: bytes) -> Iterator[Source]:
    """What was made here. Raises: nothing."""
    yield Source(name, len(content), BytesIO(content))


def is_url(path: str) -> bool:
    """Whether it is to be fetched; a file's path at this point is absolute."""
    return "://" in path


def _from_file(path: str) -> tuple[BinaryIO, int]:
    try:
        stream = open(path, "rb")  # noqa: SIM115 - opened() closes it
    except OSError as error:
        raise PermanentError(f"cannot read {path}: {error.strerror}") from None
    return stream, os.fstat(stream.fileno()).st_size


class _OnlyWeb(HTTPRedirectHandler):
    """Follows a redirect to another web address only, and never from https to http."""

    def redirect_request(self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Request | None:
        scheme = urlsplit(newurl).scheme
        if scheme not in WEB or (req.type == "https" and scheme == "http"):
            raise PermanentError(f"cannot fetch {req.full_url}: it leads on to {scheme}, which is not followed")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _from_web(url: str) -> tuple[BinaryIO, int]:
    try:
        answer = build_opener(_OnlyWeb).open(Request(url, headers={"Accept-Encoding": "identity"}), timeout=SILENCE_S)
    except HTTPError as error:
        raise _refused(url, error) from None
    except (URLError, OSError, http.client.HTTPException) as error:
        raise TransientError(f"cannot fetch {url}: {_cause(error)}") from None
    try:
        return answer, _length(url, answer.headers)
    except ActionError:
        answer.close()
        raise


def _refused(url: str, error: HTTPError) -> ActionError:
    kind = TransientError if error.code in LATER else PermanentError
    return kind(f"cannot fetch {url}: the server says {error.code} {error.reason}")


def _length(url: str, headers: Any) -> int:
    """How many bytes the server promises. Raises: PermanentError for a page, or a promise that it does not make."""
    if headers.get_content_type() in ("text/html", "application/xhtml+xml"):
        raise PermanentError(f"cannot fetch {url}: it is a web page, not an image; name the file itself")
    length = headers.get("Content-Length", "")
    if not length.isascii() or not length.isdecimal():
        raise PermanentError(f"cannot fetch {url}: the server does not tell its size; download it, and name the file")
    return int(length)


def _cause(error: BaseException) -> str:
    reason = getattr(error, "reason", None)
    return str(reason or error) or type(error).__name__
