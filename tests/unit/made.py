"""Documents and snapshots for tests of the pure rooms, each with only what the test speaks of."""

from typing import Any

from reconciler.desired import Desired, Place, Ref
from reconciler.desired.derive import object_uuid
from reconciler.desired.documents import Cluster, Domain, Host, Network, Pool
from reconciler.mark import Mark
from reconciler.observed import CpuFacts, DomainState, HostFacts, Listing, Observed, SeenDomain, SeenPool

GIB = 1024**3
CPU = CpuFacts("EPYC", (), frozenset({"EPYC", "qemu64"}))


def _document(model: Any, name: str, spec: dict[str, Any], **metadata: Any) -> Any:
    head = {"apiVersion": "reconciler/v1", "kind": model.__name__, "metadata": {"name": name, **metadata}}
    return model.model_validate({**head, "spec": spec})


def host(name: str, **spec: Any) -> Host:
    """A hypervisor; its address follows from its number."""
    number = int("".join(c for c in name if c.isdigit()) or 0)
    uri = {"uri": f"qemu+ssh://root@{name}/system"}
    return _document(Host, name, {"address": f"192.0.2.{number}", "hypervisor": uri, **spec})  # type: ignore[no-any-return]


def domain(name: str, labels: dict[str, str] | None = None, annotations: Any = None, **spec: Any) -> Domain:
    """A diskless guest of 1 GiB, unless the test says otherwise."""
    metadata = {"labels": labels or {}, "annotations": annotations or {}}
    return _document(Domain, name, {"vcpus": 1, "memory": "1GiB", **spec}, **metadata)  # type: ignore[no-any-return]


def pool(name: str = "images", **spec: Any) -> Pool:
    source = {"source": {"host": "192.0.2.200", "dir": "/srv/images"}}
    return _document(Pool, name, {"type": "netfs", "target": "/cloud", **source, **spec})  # type: ignore[no-any-return]


def network(name: str = "lan", **spec: Any) -> Network:
    return _document(Network, name, {"bridge": "br0", **spec})  # type: ignore[no-any-return]


def desired(*documents: Any, **policy: Any) -> Desired:
    """All documents of cluster `c`."""
    cluster = _document(Cluster, "c", policy)
    kinds: dict[Any, dict[str, Any]] = {Host: {}, Pool: {}, Network: {}, Domain: {}}
    for document in documents:
        kinds[type(document)][document.name] = document
    places = {Ref(d.kind.lower(), d.name): Place("x.yaml", 1, 1) for d in documents}
    return Desired(cluster, kinds[Host], kinds[Pool], kinds[Network], kinds[Domain], places)


def seen(name: str, state: str = "running", reason: str = "", **more: Any) -> SeenDomain:
    """A domain of ours as libvirt shows it."""
    fields = {"vcpus": 1, "memory": GIB}
    live = fields if state not in ("shutoff",) else None
    base: dict[str, Any] = {"mark": Mark("c", name), "fields": fields, "live": live}
    uuid = more.pop("uuid", object_uuid("c", "domain", name))
    return SeenDomain(name, uuid, DomainState(state), reason, **{**base, **more})


def listing(*items: Any, at: float = 0.0) -> Listing[Any]:
    return Listing({item.name: item for item in items}, at)


def facts(name: str, memory: int = 8 * GIB, cpus: int = 4, **more: Any) -> Listing[HostFacts]:
    return Listing(
        {
            name: HostFacts(
                **{"uuid": f"uuid-{name}", "arch": "x86_64", "virt_type": "kvm", **more},
                memory=memory,
                cpus=cpus,
                cpu=CPU,
            )
        },
        0.0,
    )


def observed(domains: dict[str, Any], **more: Any) -> Observed:
    """Hosts that answer (a Listing or a list of domains) or do not (an Unknown)."""
    parts = {h: listing(*d) if isinstance(d, list) else d for h, d in domains.items()}
    empty = {h: listing() if isinstance(p, Listing) else p for h, p in parts.items()}
    base: dict[str, Any] = {
        "facts": {h: facts(h) if isinstance(p, Listing) else p for h, p in parts.items()},
        "domains": parts,
        "networks": empty,
        "pools": empty,
    }
    return Observed(**{**base, **more})


def seen_pool(name: str = "images", volumes: Any = (), **more: Any) -> SeenPool:
    fields = {"type": "netfs", "source_host": "192.0.2.200", "source_dir": "/srv/images", "target": "/cloud"}
    uuid = object_uuid("c", "pool", name)
    base: dict[str, Any] = {"fields": fields, "mounted_from": "192.0.2.200:/srv/images"}
    return SeenPool(name, uuid, True, **{**base, "volumes": dict(volumes), **more})
