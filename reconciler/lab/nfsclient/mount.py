"""The lab's `mount.nfs`: mounts an NFS export through FUSE. Called by mount(8) inside a hypervisor of the lab.

Exit codes as mount(8): 0 mounted, 1 wrong usage, 32 failed. Libvirt 9 takes a FUSE mount to be shared between hosts
only when its subtype is "glusterfs", so that is what this one calls itself.
"""

import asyncio
import errno
import getopt
import os
import socket
import sys
from time import monotonic, sleep

from reconciler.lab import kernel
from reconciler.lab.nfsclient.files import Files
from reconciler.lab.nfsclient.fuse import Server
from reconciler.lab.nfsclient.nfs3 import PROGRAM, VERSION, Nfs, mount
from reconciler.lab.nfsclient.onc import Connection, RpcError, lookup_port

FAILED, USAGE = 32, 1
LOG = "/run/mount.nfs.log"
RETRY_MIN = 2  # minutes, nfs(5)'s default for a mount in the foreground
RETRY_PAUSE_S = 1.0
_PASSING = (None, errno.ESTALE, errno.ETIMEDOUT, errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ECONNRESET, errno.EAGAIN)
_FLAGS = {"ro": kernel.READ_ONLY, "nosuid": kernel.NO_SUID, "nodev": kernel.NO_DEV, "noexec": kernel.NO_EXEC}


def main(argv: list[str]) -> int:
    """Mount as the arguments say; the file system is served by a child that ends when it is unmounted."""
    try:
        pairs, names = getopt.gnu_getopt(argv, "sfnvro:t:N:")
        source, target = names
        host, path = split_source(source)
    except (getopt.GetoptError, ValueError):
        usage = "usage: mount.nfs HOST:/EXPORT DIRECTORY [-sfnvr] [-o OPTIONS]; an IPv6 address goes in brackets"
        print(usage, file=sys.stderr)
        return USAGE
    options = [word for key, value in pairs if key == "-o" for word in value.split(",")]
    options += ["ro"] if ("-r", "") in pairs else []
    try:
        root = _ask(host, path, _retry_s(options))
        fd = _mount(source, target, options)
    except PermissionError:
        print(f"mount.nfs: access denied by server while mounting {source}", file=sys.stderr)
        return FAILED
    except FileNotFoundError as error:
        reason = "No such file or directory"
        print(f"mount.nfs: mounting {source} failed, reason given by server: {reason} ({error})", file=sys.stderr)
        return FAILED
    except OSError as error:
        print(f"mount.nfs: {error.strerror}", file=sys.stderr)
        return FAILED
    if os.fork() == 0:
        _detach(fd)
        asyncio.run(_serve(fd, host, root))
    return 0


def split_source(source: str) -> tuple[str, str]:
    """`10.0.0.1:/srv` or `[fd00::1]:/srv` -> (host, path). Raises: ValueError; mount.nfs wants the brackets, too."""
    host, colon, path = source.removeprefix("[").partition("]:" if source.startswith("[") else ":")
    if not colon or not host or not path.startswith("/"):
        raise ValueError(source)
    return host, path


def _retry_s(options: list[str]) -> float:
    given = [word.partition("=")[2] for word in options if word.startswith("retry=")]
    return 60.0 * (int(given[-1]) if given and given[-1].isdigit() else RETRY_MIN)


def _ask(host: str, path: str, retry_s: float) -> bytes:
    """The export's file handle; a server that does not answer is asked again for `retry_s`, as mount.nfs does."""
    deadline = monotonic() + retry_s
    while True:
        try:
            return asyncio.run(mount(host, path))
        except (RpcError, socket.gaierror):
            raise
        except OSError as error:
            if error.errno not in _PASSING or monotonic() > deadline:
                number = error.errno or errno.ETIMEDOUT
                raise OSError(number, os.strerror(number)) from error
            sleep(RETRY_PAUSE_S)


def _mount(source: str, target: str, options: list[str]) -> int:
    """Mount; returns the descriptor on which the kernel asks."""
    fd = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    flags = sum({_FLAGS[word] for word in options if word in _FLAGS})
    wanted = f"fd={fd},rootmode=40000,user_id=0,group_id=0,allow_other,max_read={1 << 20}"
    try:
        kernel.mount(source, target, "fuse.glusterfs", flags, wanted)
    except OSError as error:
        os.close(fd)
        raise OSError(errno.EIO, f"cannot mount on {target}: {error.strerror}") from error
    return fd


def _detach(fd: int) -> None:
    """Keep nothing of the caller: libvirt waits for ever for a helper that holds its pipe."""
    os.setsid()
    os.chdir("/")
    null = os.open(os.devnull, os.O_RDWR)
    log = os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for source, number in ((null, 0), (null, 1), (log, 2)):
        os.dup2(source, number)
    kernel.set_name("mount.nfs")
    os.set_inheritable(fd, False)


async def _serve(fd: int, host: str, root: bytes) -> None:
    connection = Connection(host, await lookup_port(host, PROGRAM, VERSION), hard=True)
    await connection.open()
    nfs = Nfs(connection)
    files = Files(nfs, root, *await nfs.sizes(root))
    await Server(fd, files.handlers(), files.forget).serve()
    connection.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
