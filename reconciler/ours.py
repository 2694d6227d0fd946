"""What is ours, what may become ours, and the mark that says so (law 4). Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from reconciler.desired import Desired
from reconciler.desired.derive import object_uuid
from reconciler.desired.documents import Document, Network, Pool
from reconciler.fact import YES, DomainFact, NetworkIs, Verdict
from reconciler.mark import MadeDisk, Mark
from reconciler.observed import Look, Observed, SeenDomain, SeenNetwork, SeenPool

TAKE_OVER = 'rename one of them, or take it over with the annotation reconciler/adopt: "true"'
"""What a person can do about something foreign that has a document's name."""

ADOPTS = "its document says that it is taken over"


# --- domains ------------------------------------------------------------------------


def is_ours(domain: SeenDomain, cluster: str) -> bool:
    """Whether the mark is ours and true.

    A clone copies the mark, so the UUID must agree: the derived one, or the one that the domain was adopted with.
    """
    return is_marked_as(domain, cluster, domain.name)


def is_marked_as(domain: SeenDomain, cluster: str, name: str) -> bool:
    """Whether a true mark of ours calls it by that name, whatever libvirt calls it."""
    mark = domain.mark
    if mark is None or (mark.cluster, mark.name) != (cluster, name):
        return False
    return domain.uuid in (mark.uuid, object_uuid(cluster, "domain", name))


def may_adopt(document: Document, mark: Mark | None, cluster: str) -> bool:
    """Whether what carries `mark` may be taken over; what another cluster marked stays that cluster's."""
    return document.adopted and (mark is None or mark.cluster == cluster)


def domain_mark(cluster: str, name: str, uuid: str, disks: Iterable[str] = ()) -> Mark:
    """Our mark for the domain of that UUID."""
    own = "" if uuid == object_uuid(cluster, "domain", name) else uuid
    return Mark(cluster, name, tuple(MadeDisk(disk) for disk in sorted(disks)), uuid=own)


@dataclass(frozen=True, slots=True)
class CarriesOurMark(DomainFact):
    """The domain is at `host`, and our mark on it is true."""

    cluster: str

    def judge(self, domain: SeenDomain) -> Verdict:
        is_it = domain.name == self.name and is_ours(domain, self.cluster)
        return YES if is_it else Verdict(False, "it does not carry our mark")


@dataclass(frozen=True, slots=True)
class NetworkCarriesOurMark:
    """The network is at `host`, and our mark is on it."""

    host: str
    name: str
    cluster: str

    def looks(self) -> tuple[Look, ...]:
        return NetworkIs(self.host, self.name).looks()

    def check(self, observed: Observed) -> Verdict:
        there, seen = NetworkIs(self.host, self.name).check(observed), observed.network(self.host, self.name)
        if there.holds is not True or seen is None:
            return there
        return YES if is_our_network(seen, self.cluster) else Verdict(False, "it does not carry our mark")


# --- networks and pools -------------------------------------------------------------


def is_our_network(seen: SeenNetwork, cluster: str) -> bool:
    return seen.mark is not None and (seen.mark.cluster, seen.mark.name) == (cluster, seen.name)


def is_or_becomes_ours(desired: Desired, network: Network, seen: SeenNetwork) -> bool:
    """Whether guests of ours may be plugged into it, now or once this plan is done."""
    return is_our_network(seen, desired.cluster_name) or may_adopt(network, seen.mark, desired.cluster_name)


def pool_uuid(desired: Desired, pool: Pool, seen: SeenPool | None) -> str:
    """The UUID by which the pool is ours at a host: its own, where we take over what is `seen` there."""
    return seen.uuid if seen is not None and pool.adopted else object_uuid(desired.cluster_name, "pool", pool.name)
