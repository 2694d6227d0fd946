"""ONC RPC over one TCP connection, with as many calls at once as wanted. Source: RFC 5531, XDR: RFC 4506."""

import asyncio
import errno
import os
import socket
import struct
from dataclasses import dataclass, field

RECONNECT_S = 1.0
CONNECT_S = 5.0
SILENCE_MS = 10_000  # data that nobody acknowledged for so long means that the server's machine is gone
_LAST = 0x80000000


class RpcError(OSError):
    """The server refused a call, or answered with what is no answer to it."""


@dataclass(frozen=True, slots=True)
class Credential:
    """Who asks (AUTH_SYS)."""

    uid: int = 0
    gid: int = 0

    def packed(self) -> bytes:
        """In XDR, with an empty verifier."""
        body = struct.pack(">I", 0) + string(os.uname().nodename.encode()) + struct.pack(">III", self.uid, self.gid, 0)
        return struct.pack(">I", 1) + opaque(body) + struct.pack(">II", 0, 0)


ROOT = Credential()


def opaque(value: bytes) -> bytes:
    """XDR: a length, the bytes, and zeros up to a multiple of four."""
    return struct.pack(">I", len(value)) + value + bytes(-len(value) % 4)


string = opaque


class Reader:
    """Takes XDR values off the front of an answer. Raises: RpcError when it is too short."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._at = 0

    def unpack(self, form: str) -> tuple[int, ...]:
        """Fixed-size values, in struct's letters without the byte order."""
        try:
            values: tuple[int, ...] = struct.unpack_from(">" + form, self._answer, self._at)
        except struct.error as error:
            raise RpcError(errno.EIO, f"short answer: {error}") from error
        self._at += struct.calcsize(">" + form)
        return values

    def number(self) -> int:
        """One unsigned 32-bit number, or a bool."""
        return self.unpack("I")[0]

    def opaque(self) -> bytes:
        """A counted byte string."""
        length = self.number()
        value = self._answer[self._at : self._at + length]
        if len(value) < length:
            raise RpcError(errno.EIO, "short answer")
        self._at += length + -length % 4
        return value


@dataclass(slots=True)
class _Call:
    message: bytes
    answer: "asyncio.Future[Reader]"


@dataclass(slots=True)
class Connection(asyncio.Protocol):
    """Calls to one server.

    `hard`: as a hard NFS mount does, wait for ever: when the connection breaks, make it anew and repeat what was not
    answered. Otherwise such calls raise OSError.
    """

    host: str
    port: int
    hard: bool = False
    _transport: asyncio.Transport | None = None
    _calls: dict[int, _Call] = field(default_factory=dict)
    _received: bytearray = field(default_factory=bytearray)
    _record: bytearray = field(default_factory=bytearray)
    _next_xid: int = field(default_factory=lambda: int.from_bytes(os.urandom(4), "big"))
    _mending: "asyncio.Task[None] | None" = None

    async def open(self) -> None:
        """Connect. Raises: OSError, TimeoutError."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(CONNECT_S):
            transport, _ = await loop.create_connection(lambda: self, self.host, self.port)
        connected: socket.socket = transport.get_extra_info("socket")
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENCE_MS)
        for option, value in ((socket.TCP_KEEPIDLE, 5), (socket.TCP_KEEPINTVL, 2), (socket.TCP_KEEPCNT, 3)):
            connected.setsockopt(socket.IPPROTO_TCP, option, value)
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def close(self) -> None:
        """Disconnect for good."""
        self.hard = False
        if self._transport:
            self._transport.close()

    async def call(
        self, program: int, version: int, procedure: int, arguments: bytes, who: Credential = ROOT
    ) -> Reader:
        """Call and wait for the results. Raises: RpcError; OSError when the connection is not hard."""
        self._next_xid = xid = (self._next_xid + 1) & 0xFFFFFFFF
        head = struct.pack(">IIIIII", xid, 0, 2, program, version, procedure) + who.packed()
        message = struct.pack(">I", _LAST | len(head) + len(arguments)) + head + arguments
        call = _Call(message, asyncio.get_running_loop().create_future())
        self._calls[xid] = call
        try:
            if self._transport:
                self._transport.write(message)
            return _results(await call.answer)
        finally:
            del self._calls[xid]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: connected; what was not answered before is asked again."""
        assert isinstance(transport, asyncio.Transport)
        transport.set_write_buffer_limits(high=1 << 30)
        self._transport = transport
        self._received.clear()
        self._record.clear()
        for call in self._calls.values():
            transport.write(call.message)

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: the server or its machine is gone."""
        self._transport = None
        if self.hard:
            self._mending = asyncio.get_running_loop().create_task(self._mend())
            return
        for call in self._calls.values():
            if not call.answer.done():
                call.answer.set_exception(exc or ConnectionResetError("the server closed the connection"))

    async def _mend(self) -> None:
        while self.hard:
            try:
                await self.open()
            except (OSError, TimeoutError):
                await asyncio.sleep(RECONNECT_S)
            else:
                return

    def data_received(self, data: bytes) -> None:
        """asyncio: some bytes came; hand complete answers to those who wait."""
        received = self._received
        received += data
        while len(received) >= 4:
            mark = int.from_bytes(received[:4], "big")
            end = 4 + (mark & ~_LAST)
            if len(received) < end:
                return
            self._record += received[4:end]
            del received[:end]
            if mark & _LAST:
                self._answer(bytes(self._record))
                self._record.clear()

    def _answer(self, record: bytes) -> None:
        call = self._calls.get(int.from_bytes(record[:4], "big"))
        if call and not call.answer.done():
            call.answer.set_result(Reader(record))


def _results(reader: Reader) -> Reader:
    """Check the head of an answer; what follows are the procedure's results."""
    _, kind, refused = reader.unpack("III")
    if kind != 1 or refused:
        raise RpcError(errno.EACCES, "the server refused the caller")
    reader.number()
    reader.opaque()
    if status := reader.number():
        raise RpcError(errno.EREMOTEIO, f"the server cannot do this call (accept status {status})")
    return reader


async def lookup_port(host: str, program: int, version: int) -> int:
    """Ask a server's portmapper for a TCP service. Raises: OSError, TimeoutError; RpcError when it is not there."""
    connection = Connection(host, 111)
    await connection.open()
    try:
        async with asyncio.timeout(CONNECT_S):
            answer = await connection.call(100000, 2, 3, struct.pack(">IIII", program, version, 6, 0))
            port = answer.number()
    finally:
        connection.close()
    if not port:
        raise RpcError(errno.EOPNOTSUPP, "requested NFS version or transport protocol is not supported")
    return port
