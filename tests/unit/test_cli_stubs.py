"""A cloud that stands still, for tests of the command line and of what it shows; and tests that it is what it says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reconciler.action import Action
from reconciler.desired import Desired
from reconciler.desired.derive import object_uuid
from reconciler.load import load
from reconciler.mark import MadeDisk, Mark
from reconciler.observed import (
    CpuFacts,
    DomainState,
    HostFacts,
    Listing,
    Look,
    Observed,
    SeenDomain,
    SeenExport,
    SeenNetwork,
    SeenPool,
    Unknown,
)

GIB = 1024**3
CLUSTER = "small-cloud"

DOCUMENTS = {
    "cluster.yaml": "kind: Cluster\nmetadata: {name: small-cloud}\nspec: {interval: 5m}\n",
    "hosts/hv1.yaml": "kind: Host\nmetadata: {name: hv1}\nspec:\n  address: 10.77.0.12\n"
    '  hypervisor: {uri: "qemu+ssh://root@hv1/system"}\n  cordoned: false\n',
    "hosts/hv2.yaml": "kind: Host\nmetadata: {name: hv2}\nspec:\n  address: 10.77.0.13\n"
    '  hypervisor: {uri: "qemu+ssh://root@hv2/system"}\n  cordoned: false\n',
    "hosts/nas.yaml": "kind: Host\nmetadata: {name: nas}\nspec: {address: 10.77.0.11, nfsServer: {ssh: root@nas}}\n",
    "pools/images.yaml": "kind: Pool\nmetadata: {name: images}\nspec:\n  type: netfs\n"
    "  source: {host: nas, dir: /srv/images}\n"
    '  target: /var/lib/libvirt/cloud\n  export: {clients: ["10.77.0.0/24"]}\n',
    "networks/lan.yaml": "kind: Network\nmetadata: {name: lan}\nspec: {bridge: br0}\n",
    "domains/web-1.yaml": "kind: Domain\nmetadata: {name: web-1}\nspec:\n  vcpus: 1\n  memory: 128MiB\n"
    "  disks: [{name: root, pool: images, size: 1GiB}]\n  interfaces: [{name: lan, network: lan}]\n",
}


def write(directory: Path, **changed: str) -> Path:
    """The documents, with some of them replaced (`domains__web_1="..."`: not worth it; by file stem)."""
    for name, text in DOCUMENTS.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("apiVersion: reconciler/v1\n" + changed.get(path.stem.replace("-", "_"), text))
    return directory


def facts(host: str, version: int = 9_000_000, virt_type: str = "kvm") -> HostFacts:
    cpu = CpuFacts("Westmere", usable=frozenset({"Westmere"}))
    return HostFacts(object_uuid(CLUSTER, "machine", host), "x86_64", virt_type, 8 * GIB, 4, cpu, version, 7_002_000)


def listing(**items: Any) -> Listing[Any]:
    return Listing({name.replace("_", "-"): item for name, item in items.items()}, at=0.0)


def pool(**changed: Any) -> SeenPool:
    values: dict[str, Any] = {
        "name": "images",
        "uuid": object_uuid(CLUSTER, "pool", "images"),
        "active": True,
        "fields": {
            "type": "netfs",
            "source_host": "10.77.0.11",
            "source_dir": "/srv/images",
            "target": "/var/lib/libvirt/cloud",
        },
        "volumes": {"web-1.root.qcow2": None},
        "mounted_from": "10.77.0.11:/srv/images",
    }
    return SeenPool(**{**values, **changed})


def network() -> SeenNetwork:
    uuid = object_uuid(CLUSTER, "network", "lan")
    return SeenNetwork("lan", uuid, True, Mark(CLUSTER, "lan"), {"forward": "bridge", "bridge": "br0"})


def domain(
    name: str = "web-1", state: DomainState = DomainState.RUNNING, reason: str = "", **changed: Any
) -> SeenDomain:
    fields = {"vcpus": 1, "memory": 128 * 1024**2}
    values: dict[str, Any] = {
        "uuid": object_uuid(CLUSTER, "domain", name),
        "mark": Mark(CLUSTER, name, (MadeDisk("root"),)),
        "fields": fields,
        "live": fields if state is DomainState.RUNNING else None,
    }
    return SeenDomain(name, state=state, reason=reason, **{**values, **changed})


def exports() -> Listing[SeenExport]:
    options = frozenset({"rw", "sync", "no_root_squash"})
    return Listing({"/srv/images 10.77.0.0/24": SeenExport("/srv/images", "10.77.0.0/24", options, "images")}, at=0.0)


def settled(**changed: Any) -> Observed:
    """All is there, web-1 runs at hv1."""
    values: dict[str, Any] = {
        "facts": {"hv1": listing(hv1=facts("hv1")), "hv2": listing(hv2=facts("hv2"))},
        "domains": {"hv1": listing(web_1=domain()), "hv2": listing()},
        "networks": {"hv1": listing(lan=network()), "hv2": listing(lan=network())},
        "pools": {"hv1": listing(images=pool()), "hv2": listing(images=pool())},
        "exports": {"nas": exports()},
        "answering": {"10.77.0.11": True},
    }
    return Observed(**{**values, **changed})


def empty() -> Observed:
    """The machines are there, nothing else."""
    nothing = {"hv1": listing(), "hv2": listing()}
    return settled(domains=nothing, networks=nothing, pools=nothing, exports={"nas": listing()})


def without(seen: Observed, host: str) -> Observed:
    """The same, but `host` does not answer."""
    silent = Unknown(f"cannot reach host/{host}: no route to host")
    parts = {part: {**getattr(seen, part), host: silent} for part in ("facts", "domains", "networks", "pools")}
    return settled(exports=seen.exports, **parts)


@dataclass
class StillEdge:
    """Tells the same whenever it is asked; writes are remembered, and do nothing."""

    seen: Observed
    applied: list[Action] = field(default_factory=list)
    closed: bool = False

    def observe(self, desired: Desired) -> Observed:
        return self.seen

    def look(self, desired: Desired, looks: tuple[Look, ...]) -> Observed:
        return self.seen

    def apply(self, action: Action, progress: Callable[..., None]) -> None:
        self.applied.append(action)

    def close(self) -> None:
        self.closed = True


def test_the_documents_are_valid(tmp_path: Path) -> None:
    assert set(load(write(tmp_path)).hypervisors) == {"hv1", "hv2"}
