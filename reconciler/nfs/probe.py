"""Whether an NFS server answers at all: an RPC NULL call, as rpcinfo makes it (RFC 5531)."""

import socket
import struct
import time
from secrets import randbits

PORT = 2049
ANSWER_S = 3.0
NFS_PROGRAM, NFS_VERSION, NULL = 100003, 3, 0
CALL, REPLY, RPC_VERSION = 0, 1, 2
ACCEPTED, DENIED = 0, 1
SUCCESS, PROG_MISMATCH = 0, 2
LAST_FRAGMENT = 1 << 31


def answers(address: str, timeout_s: float = ANSWER_S) -> bool:
    """Ask over TCP; a server that speaks only other versions of NFS answers too. Raises: nothing."""
    deadline = time.monotonic() + timeout_s
    xid = randbits(32)
    call = struct.pack(">10I", xid, CALL, RPC_VERSION, NFS_PROGRAM, NFS_VERSION, NULL, 0, 0, 0, 0)
    try:
        with socket.create_connection((address, PORT), timeout=timeout_s) as server:
            server.sendall(struct.pack(">I", LAST_FRAGMENT | len(call)) + call)
            reply = _receive(server, 4 + 24, deadline)
    except OSError:
        return False
    return _is_answer(reply[4:], xid)


def _receive(server: socket.socket, size: int, deadline: float) -> bytes:
    """The first bytes of the reply: enough to know. Raises: OSError (TimeoutError is one)."""
    received = b""
    while len(received) < size:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        server.settimeout(left)
        piece = server.recv(size - len(received))
        if not piece:
            break
        received += piece
    return received


def _is_answer(reply: bytes, xid: int) -> bool:
    if len(reply) < 12:
        return False
    its_xid, kind, status = struct.unpack_from(">3I", reply)
    if its_xid != xid or kind != REPLY:
        return False
    if status == DENIED:
        return True
    # An accepted reply goes on with a verifier: flavor and length (0 for a NULL call), then how it went.
    return len(reply) >= 24 and struct.unpack_from(">I", reply, 20)[0] in (SUCCESS, PROG_MISMATCH)
