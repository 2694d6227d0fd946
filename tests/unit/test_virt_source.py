"""Images come from files and from web servers; whatever a server does, there is an answer."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from reconciler.errors import ActionError, PermanentError, TransientError
from reconciler.virt import source

CONTENT = bytes(range(256)) * 1000
WHOLE = str(len(CONTENT))


class Server(BaseHTTPRequestHandler):
    """Answers by a table: path -> status, headers, body."""

    answers: ClassVar = {
        "/image": (200, {"Content-Length": WHOLE}, CONTENT),
        "/moved": (302, {"Location": "/image"}, b""),
        "/elsewhere": (302, {"Location": "ftp://127.0.0.1/image"}, b""),
        "/file": (302, {"Location": "file:///etc/passwd"}, b""),
        "/page": (200, {"Content-Length": "6", "Content-Type": "text/html; charset=utf-8"}, b"<html>"),
        "/unsized": (200, {}, CONTENT),
        "/short": (200, {"Content-Length": str(len(CONTENT) + 10)}, CONTENT),
        "/nothing": (404, {}, b""),
        "/busy": (503, {}, b""),
    }

    def do_GET(self) -> None:
        status, headers, body = self.answers[self.path]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def server() -> Iterator[str]:
    served = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=served.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{served.server_port}"
    served.shutdown()
    served.server_close()
    thread.join()


def content(path: str) -> bytes:
    read = b""
    with source.opened(path) as found:
        while piece := found.read(65_536):
            read += piece
    return read


@pytest.mark.parametrize("path", ["/image", "/moved"])
def test_a_web_server_is_read_to_its_end(server: str, path: str) -> None:
    assert content(server + path) == CONTENT
    with source.opened(server + path) as found:
        assert found.size == len(CONTENT)


@pytest.mark.parametrize(
    ("path", "kind", "message"),
    [
        ("/elsewhere", PermanentError, "leads on to ftp"),
        ("/file", PermanentError, "the server says 302"),
        ("/page", PermanentError, "is a web page"),
        ("/unsized", PermanentError, "does not tell its size"),
        ("/nothing", PermanentError, "the server says 404"),
        ("/busy", TransientError, "the server says 503"),
    ],
)
def test_what_a_server_does_wrong_is_said(server: str, path: str, kind: type[ActionError], message: str) -> None:
    with pytest.raises(kind, match=message):
        content(server + path)


def test_a_server_that_breaks_off_ends_early_and_the_size_tells(server: str) -> None:
    assert content(f"{server}/short") == CONTENT
    with source.opened(f"{server}/short") as found:
        assert found.size == len(CONTENT) + 10


def test_a_server_that_is_not_there_may_come_back(server: str) -> None:
    with pytest.raises(TransientError, match=r"cannot fetch http://127\.0\.0\.1:1/image: .*refused"):
        content("http://127.0.0.1:1/image")


def test_a_server_that_falls_silent_has_broken_off(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "SILENCE_S", 0.3)
    silent = ThreadingHTTPServer(("127.0.0.1", 0), Server, bind_and_activate=True)
    try:
        with pytest.raises(TransientError, match="timed out"):
            content(f"http://127.0.0.1:{silent.server_port}/image")
    finally:
        silent.server_close()


def test_a_file_is_read_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(CONTENT)
    assert content(str(tmp_path / "a")) == CONTENT
