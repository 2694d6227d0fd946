"""An RPC NULL call, answered by servers of all sorts."""

import socket
import struct
import threading
import time
from contextlib import suppress

import pytest

from reconciler.nfs import probe


def reply(call: bytes, *words: int) -> bytes:
    """A record: xid of the call, then the words."""
    body = call[4:8] + struct.pack(f">{len(words)}I", *words)
    return struct.pack(">I", 1 << 31 | len(body)) + body


ANSWERS = {
    "success": (lambda call: reply(call, 1, 0, 0, 0, 0), True),
    "only other versions": (lambda call: reply(call, 1, 0, 0, 0, 2, 4, 4), True),
    "denied": (lambda call: reply(call, 1, 1, 1, 5, 0, 0), True),
    "no NFS there": (lambda call: reply(call, 1, 0, 0, 0, 1), False),
    "another's answer": (
        lambda call: struct.pack(">I", 1 << 31 | 24) + b"else" + struct.pack(">5I", 1, 0, 0, 0, 0),
        False,
    ),
    "a call": (lambda call: reply(call, 0, 0, 0, 0, 0), False),
    "too little": (lambda call: reply(call, 1, 0)[:12], False),
    "something else": (lambda call: b"SSH-2.0-OpenSSH_9.2 and so on and on", False),
    "nothing": (lambda call: b"", False),
}


@pytest.fixture
def server(monkeypatch):
    listener = socket.create_server(("127.0.0.1", 0))
    monkeypatch.setattr(probe, "PORT", listener.getsockname()[1])
    yield listener
    listener.close()


def serve(listener, answer, *, pause_s=0.0):
    def run():
        peer, _ = listener.accept()
        with peer, suppress(OSError):
            text = answer(peer.recv(1000))
            for start in range(0, len(text), 5):
                peer.sendall(text[start : start + 5])
                time.sleep(pause_s)

    threading.Thread(target=run, daemon=True).start()


@pytest.mark.parametrize("name", ANSWERS)
def test_answers(server, name):
    answer, is_one = ANSWERS[name]
    serve(server, answer)
    assert probe.answers("127.0.0.1", 5.0) is is_one


def test_a_server_that_accepts_and_never_answers_costs_the_deadline(server):
    begun = time.monotonic()
    assert probe.answers("127.0.0.1", 0.3) is False
    assert time.monotonic() - begun < 2


def test_a_server_that_dribbles_costs_the_deadline(server):
    serve(server, lambda call: reply(call, 1, 0, 0, 0, 0), pause_s=0.2)
    begun = time.monotonic()
    assert probe.answers("127.0.0.1", 0.3) is False
    assert time.monotonic() - begun < 2


def test_a_closed_port_is_silence(server, monkeypatch):
    server.close()
    assert probe.answers("127.0.0.1", 2.0) is False
