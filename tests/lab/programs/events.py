"""Print every event that this hypervisor's libvirt sends: of domains, networks, pools. Runs on a hypervisor."""

import contextlib
import socket

import libvirt

libvirt.virEventRegisterDefaultImpl()
connection = libvirt.open("qemu:///system")


def told(_connection: libvirt.virConnect, thing: object, *rest: object) -> None:
    name = thing.name() if hasattr(thing, "name") else thing
    kind, *values = rest[-1:] + rest[:-1]
    print(f"{socket.gethostname()} {kind} {name} {values}", flush=True)


for register, kinds in (
    (connection.domainEventRegisterAny, [n for n in dir(libvirt) if n.startswith("VIR_DOMAIN_EVENT_ID_")]),
    (connection.networkEventRegisterAny, [n for n in dir(libvirt) if n.startswith("VIR_NETWORK_EVENT_ID_")]),
    (connection.storagePoolEventRegisterAny, [n for n in dir(libvirt) if n.startswith("VIR_STORAGE_POOL_EVENT_ID_")]),
):
    for kind in kinds:
        with contextlib.suppress(libvirt.libvirtError):  # a client newer than its daemon knows more kinds
            register(None, getattr(libvirt, kind), told, kind)
print("ready", flush=True)
while True:
    libvirt.virEventRunDefaultImpl()
