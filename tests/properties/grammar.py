"""What may happen in a life: lines in the words of a scenario, by the kind of fault, so that a run can do without some.

`{guest}@{host}` is a domain and a host that has it, `{other}` another host, `{machine}` any hypervisor.
"""

from collections.abc import Mapping

TARGET = "/var/lib/libvirt/cloud"

WORLD: Mapping[str, tuple[str, ...]] = {
    "guests": ("guest {guest} poweroff", "guest {guest} crash"),
    "deaf": ("guest {guest} deaf",),
    "io-errors": ("guest {guest} ioerror",),
    "wedged": ("guest {guest} wedge", "guest {guest} unwedge"),
    "busy": ("guest {guest} dirty 200MiB", "guest {guest} dirty 90MiB", "guest {guest} dirty 1MiB"),
    "migrations": (
        "migration {guest} cut begin",
        "migration {guest} cut prepare",
        "migration {guest} cut perform",
        "migration {guest} cut finish",
        "migration {guest} cut confirm",
        "migration {guest} target-dies",
    ),
    "links": (
        "host {machine} down",
        "host {machine} up",
        "link {machine} {other} cut",
        "link {machine} {other} mend",
    ),
    "mounts": ("link {machine} nas cut", "link {machine} nas mend", f"umount {TARGET} {{machine}}"),
    "seat": ("seat cut", "seat mend", "link seat {machine} cut", "link seat {machine} mend"),
    "power": ("host {machine} off", "host {machine} on"),
    "daemons": (
        "libvirtd {machine} stop",
        "libvirtd {machine} cont",
        "libvirtd {machine} kill",
        "libvirtd {machine} start",
    ),
    "nfs": ("nfs stall nas", "nfs resume nas", "nfs withdraw nas /srv/images"),
}
"""What nobody does."""

PEOPLE: Mapping[str, tuple[str, ...]] = {
    "virsh": (
        "virsh destroy {guest}@{host}",
        "virsh shutdown {guest}@{host}",
        "virsh start {guest}@{host}",
        "virsh suspend {guest}@{host}",
        "virsh resume {guest}@{host}",
    ),
    "moves": (
        "virsh migrate {guest}@{host} {other}",
        "virsh domjobabort {guest}@{host}",
        "virsh dumpxml-define {guest}@{host} {other}",
    ),
    "edits-by-hand": (
        "virsh setvcpus {guest}@{host} 3",
        "virsh undefine {guest}@{host}",
        "virsh snapshot-create {guest}@{host}",
        "virsh snapshot-delete {guest}@{host}",
    ),
    "networks": ("virsh net-destroy lan@{machine}", "virsh net-undefine lan@{machine}"),
    "pools": (
        "virsh pool-destroy images@{machine}",
        "virsh pool-undefine images@{machine}",
        "virsh pool-refresh images@{machine}",
    ),
    "strangers": ("virsh define stranger@{machine}", "virsh start stranger@{machine}"),
}
"""What people do at the machines."""

DOCUMENTS: Mapping[str, tuple[str, ...]] = {
    "cordons": ("cordon {machine}", "uncordon {machine}"),
    "powers": ("set domain/{name} spec.power stopped", "set domain/{name} spec.power running"),
    "policies": (
        "set domain/{name} spec.onDrain migrate",
        "set domain/{name} spec.onDrain restart",
        "set domain/{name} spec.onDrain stop",
        "set domain/{name} spec.onDrain stay",
    ),
    "sizes": ("set domain/{name} spec.vcpus 2", "set domain/{name} spec.vcpus 1"),
    "suspensions": ("set cluster/life spec.suspend true", "set cluster/life spec.suspend false"),
}
"""What people write."""

LINES: Mapping[str, tuple[str, ...]] = {**WORLD, **PEOPLE, **DOCUMENTS}


def cloud(hosts: int, guests: list[dict[str, object]], limits: dict[str, object]) -> list[dict[str, object]]:
    """The documents of a cloud: that many hypervisors, an NFS server, and a guest for each spec."""
    made = [_document("Cluster", "life", {"migration": limits})]
    for number in range(1, hosts + 1):
        uri = f"qemu+ssh://root@hv{number}/system"
        made.append(_document("Host", f"hv{number}", {"address": f"10.77.0.{11 + number}", "hypervisor": {"uri": uri}}))
    made.append(_document("Host", "nas", {"address": "10.77.0.11", "nfsServer": {"ssh": "root@nas"}}))
    source = {"host": "nas", "dir": "/srv/images"}
    export = {"clients": ["10.77.0.0/24"]}
    made.append(_document("Pool", "images", {"type": "netfs", "source": source, "target": TARGET, "export": export}))
    made.append(_document("Network", "lan", {"bridge": "br0"}))
    return made + [_document("Domain", f"g{number}", spec) for number, spec in enumerate(guests, 1)]


def guest(memory_mib: int, disks: int, on_drain: str) -> dict[str, object]:
    """The spec of a domain."""
    return {
        "vcpus": 1,
        "memory": f"{memory_mib}MiB",
        "disks": [{"name": f"disk{n}", "pool": "images", "size": "1GiB"} for n in range(disks)],
        "interfaces": [{"name": "lan", "network": "lan"}],
        "onDrain": on_drain,
    }


def _document(kind: str, name: str, spec: dict[str, object]) -> dict[str, object]:
    return {"apiVersion": "reconciler/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}
