"""All documents, checked: what the cloud shall be."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from reconciler.desired.documents import (
    Cluster,
    ClusterSpec,
    Document,
    Domain,
    Host,
    HostSelector,
    LabelSelector,
    Metadata,
    Network,
    Pool,
    State,
)
from reconciler.desired.ref import Ref
from reconciler.desired.seed import Seed

UNNAMED = Cluster(api_version="reconciler/v1", kind="Cluster", metadata=Metadata(name="default"))
"""What stands in for a Cluster document where there is none."""


@dataclass(frozen=True)
class Place:
    """Where something stands in the documents; line and column from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True)
class Desired:
    """Every document of the directory, valid by itself and with the others. Mappings are sorted by name."""

    cluster: Cluster | None = None
    hosts: Mapping[str, Host] = field(default_factory=dict)
    pools: Mapping[str, Pool] = field(default_factory=dict)
    networks: Mapping[str, Network] = field(default_factory=dict)
    domains: Mapping[str, Domain] = field(default_factory=dict)
    seeds: Mapping[str, Seed] = field(default_factory=dict)
    """Of each domain with cloud-init: what its document says, files of the directory read."""
    places: Mapping[Ref, Place] = field(default_factory=dict)
    directory: str = ""
    secret_roots: tuple[str, ...] = ()
    """Directories beside it from which the operator lets secrets come."""
    warnings: tuple[str, ...] = ()
    derived: dict[str, object] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What a stage worked out of the documents alone and wants to find again in the next pass, by the stage's name."""

    @property
    def cluster_name(self) -> str:
        """It seeds UUIDs, MACs and our mark."""
        return (self.cluster or UNNAMED).name

    @property
    def policy(self) -> ClusterSpec:
        return (self.cluster or UNNAMED).spec

    @property
    def hypervisors(self) -> Mapping[str, Host]:
        return {name: host for name, host in self.hosts.items() if host.spec.hypervisor}

    @property
    def servers(self) -> Mapping[str, Host]:
        return {name: host for name, host in self.hosts.items() if host.spec.nfs_server}

    def selected(self, selector: HostSelector) -> tuple[str, ...]:
        """The hypervisors that a `hosts:` selector means, sorted."""
        return tuple(name for name, host in sorted(self.hypervisors.items()) if is_selected(host, selector))

    def cordoning(self, hosts: Collection[str]) -> "Desired":
        """These documents as if `hosts` (hypervisors of theirs) were cordoned too."""
        changed = {
            name: host.model_copy(update={"spec": host.spec.model_copy(update={"cordoned": True})})
            for name, host in self.hosts.items()
            if name in hosts
        }
        return replace(self, hosts={**self.hosts, **changed})

    def allowing(self, deletes: int) -> "Desired":
        """These documents as if `limits.deletes` were at least so much."""
        if deletes <= self.policy.limits.deletes:
            return self
        limits = self.policy.limits.model_copy(update={"deletes": deletes})
        cluster = self.cluster or UNNAMED
        return replace(
            self, cluster=cluster.model_copy(update={"spec": self.policy.model_copy(update={"limits": limits})})
        )

    def is_shared(self, pool: str) -> bool:
        """Whether hosts see the same files in a pool of that name; of one without a document nobody knows: yes."""
        return pool not in self.pools or self.pools[pool].is_shared

    @cached_property
    def renames(self) -> Mapping[str, str]:
        """A domain's former name -> the one that its document gives it."""
        named = ((domain.metadata.renamed_from, name) for name, domain in self.domains.items())
        return {former: name for former, name in named if former}

    def may_go(self, domain: str) -> bool:
        """Whether these documents want a domain of that name removed or renamed, if only by saying nothing of it."""
        document = self.domains.get(domain)
        gone = self.policy.prune if document is None else document.spec.state is State.ABSENT
        return gone or domain in self.renames

    def has(self, ref: Ref) -> bool:
        """Whether a document says what `ref` (without its host) shall be."""
        return ref._replace(host="") in self.places


def is_selected(host: Host, selector: HostSelector) -> bool:
    """Whether `selector` means `host`."""
    if isinstance(selector, LabelSelector):
        return matches(selector.match_labels, host.labels)
    return selector == "all" or host.name in selector


def matches(wanted: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Whether `labels` carry all that is wanted (Kubernetes' matchLabels)."""
    return all(labels.get(key) == value for key, value in wanted.items())


__all__ = ["Desired", "Document", "Place", "Ref", "is_selected", "matches"]
