"""The cloud as it would be described by what is there alone: a world without the documents' wishes. Pure."""

from dataclasses import replace

from reconciler.desired import Desired
from reconciler.desired.documents import Domain, DomainPlacement, Host
from reconciler.observed import Observed, SeenDomain
from reconciler.ours import is_ours
from reconciler.whereabouts import whereabouts


def as_seen(desired: Desired, observed: Observed) -> Desired:
    """Documents that say of each domain of ours what its host shows, and wish for nothing.

    Left out: domains that are nowhere, disks and interfaces that they do not have yet, rules, cordons. Kept: what a
    look does not tell, such as a host's reserve, the overcommit and `onDrain`.
    """
    located = whereabouts(desired, observed)
    written = {
        name: _as_it_is(desired.domains[name], where.seen)
        for name, where in located.items()
        if where.seen is not None and where.home is not None
    }
    unwritten = {
        seen.name: _without_document(seen)
        for _, seen in observed.all_domains()
        if seen.name not in {*desired.domains, *desired.renames} and is_ours(seen, desired.cluster_name)
    }
    hosts = {name: _open(host) for name, host in desired.hosts.items()}
    return replace(desired, hosts=hosts, domains=dict(sorted({**written, **unwritten}.items())))


def _as_it_is(domain: Domain, seen: SeenDomain) -> Domain:
    fields = seen.live or seen.fields or {}
    spec = domain.spec.model_copy(
        update={
            "memory": int(fields.get("memory", domain.spec.memory)),
            "vcpus": int(fields.get("vcpus", domain.spec.vcpus)),
            "placement": DomainPlacement(),
            "disks": tuple(disk for disk in domain.spec.disks if disk.name in fields.get("disks", {})),
            "cdroms": tuple(drive for drive in domain.spec.cdroms if drive.name in fields.get("cdroms", {})),
            "interfaces": tuple(one for one in domain.spec.interfaces if one.name in fields.get("interfaces", {})),
        }
    )
    return domain.model_copy(update={"spec": spec})


def _without_document(seen: SeenDomain) -> Domain:
    """What a document of it would say at least."""
    fields = seen.live or seen.fields or {}
    spec = {"vcpus": max(1, int(fields.get("vcpus", 1))), "memory": f"{int(fields.get('memory', 0)) // 1024}KiB"}
    head = {"apiVersion": "reconciler/v1", "kind": "Domain", "metadata": {"name": seen.name}}
    return Domain.model_validate({**head, "spec": spec})


def _open(host: Host) -> Host:
    return host.model_copy(update={"spec": host.spec.model_copy(update={"cordoned": False})})
