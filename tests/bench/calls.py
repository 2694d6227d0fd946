"""Counting libvirt calls: every function of libvirt-python's C part that asks the daemon, by its libvirt name."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import libvirtmod  # type: ignore[import-not-found]

LOCAL = {
    *("virConnectIsAlive", "virConnectClose", "virConnectSetKeepAlive", "virInitialize", "virRegisterErrorHandler"),
    *("virGetLastError", "virResetLastError", "virEventRunDefaultImpl", "virEventRegisterDefaultImpl"),
}
LOCAL_ENDINGS = ("Free", "Ref", "GetName", "GetUUID", "GetUUIDString", "GetConnect")
"""What a handle knows by itself."""


def expected(*, domains: int, running: int, networks: int, pools: int, ours: int) -> Counter[str]:
    """The calls of a no-op pass at one host, on an open connection. `ours`: active pools of ours."""
    return Counter(
        {
            "virConnectGetAllDomainStats": 1,
            "virConnectListAllDomains": 1,
            "virNodeGetInfo": 1,
            "virConnectListAllNetworks": 2,
            "virConnectListAllStoragePools": 2,
            "virDomainGetXMLDesc": domains + running,
            "virNetworkGetXMLDesc": networks,
            "virStoragePoolGetXMLDesc": pools,
            "virStoragePoolListAllVolumes": ours,
        }
    )


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Count what is called inside. Also from threads: Counter's += is not atomic, a list's append is."""
    made: list[str] = []
    originals = {name: getattr(libvirtmod, name) for name in dir(libvirtmod) if _asks_the_daemon(name)}
    calls: Counter[str] = Counter()
    for name, original in originals.items():
        setattr(libvirtmod, name, _noting(name, original, made))
    try:
        yield calls
    finally:
        for name, original in originals.items():
            setattr(libvirtmod, name, original)
        calls.update(made)


def _asks_the_daemon(name: str) -> bool:
    return name.startswith("vir") and name not in LOCAL and not name.endswith(LOCAL_ENDINGS)


def _noting(name: str, original: Callable[..., Any], made: list[str]) -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:
        made.append(name)
        return original(*arguments)

    return call
