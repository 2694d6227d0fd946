"""Why a domain does not go to a host: worked out only for those that somebody asks about. Pure."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from reconciler.desired.company import must_be_apart
from reconciler.place.ledger import Guest
from reconciler.place.scene import Scene
from reconciler.place.settle import Placement, counts
from reconciler.step import Held, HeldReason

MIB = 1024**2


class Rejections(Mapping[str, Mapping[str, str]]):
    """domain -> host -> why not there, made when it is asked for."""

    def __init__(self, names: frozenset[str], explain: Callable[[str], Mapping[str, str]]) -> None:
        self._names = names
        self._explain = explain

    def __getitem__(self, name: str) -> Mapping[str, str]:
        if name not in self._names:
            raise KeyError(name)
        return self._explain(name)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._names))

    def __len__(self) -> int:
        return len(self._names)


@dataclass
class Reasons:
    """Explains a decision. `guests`: domain -> what it went as; `tied`: why to one host only; `causes`: why it goes."""

    scene: Scene
    placed: Mapping[str, Placement]
    guests: Mapping[str, Guest]
    tied: Mapping[str, str] = field(default_factory=dict)
    causes: Mapping[str, str] = field(default_factory=dict)
    company: "Company | None" = None

    def against(self, name: str) -> Mapping[str, str]:
        """host -> why the domain does not go there; nothing about where it goes."""
        where = self.scene.located[name]
        reasons = dict(self.scene.verdict(where).reasons)
        target = self.placed[name].target if name in self.placed else None
        for host in self.scene.hosts:
            if host.name == where.home:
                reasons.setdefault(host.name, self.causes.get(name, ""))
            elif host.name not in reasons and host.name != target:
                reason = self._why_not(name, host.name)
                if reason:
                    reasons[host.name] = reason
        return dict(sorted(reasons.items()))

    def _why_not(self, name: str, host: str) -> str:
        guest, number = self.guests[name], self.scene.number[host]
        if number not in guest.hosts:
            return self.tied.get(name) or self._held_back(guest, name, host)
        return self._no_room(guest, number) or self._too_near(guest, host)

    def _held_back(self, guest: Guest, name: str, host: str) -> str:
        """Another of its set cannot be there."""
        for other in guest.domains:
            reason = self.scene.verdict(self.scene.located[other]).reasons.get(host, "")
            if other != name and (reason or self.scene.located[other].home == host):
                return f"domain/{other}, with which it must be, cannot be there: {reason or 'it must leave it'}"
        return ""

    def _no_room(self, guest: Guest, host: int) -> str:
        ledger = self.scene.ledger
        others = f" (with domain/{', domain/'.join(guest.names[1:])})" if len(guest.names) > 1 else ""
        if ledger.memory[host] < guest.memory:
            free, wanted = max(0, ledger.memory[host]) // MIB, guest.memory // MIB
            return f"it has {free} MiB of memory left for guests, {wanted} MiB are needed{others}"
        if guest.memory and ledger.vcpus[host] < guest.vcpus:
            return f"it has {max(0, int(ledger.vcpus[host]))} vCPUs left for guests, {guest.vcpus} are needed{others}"
        return ""

    def _too_near(self, guest: Guest, host: str) -> str:
        documents = self.scene.desired.domains
        for name in guest.domains:
            for other in self._company.at(host):
                if other not in guest.domains and must_be_apart(documents[name], documents[other]):
                    return f"domain/{other} is there, from which it must be apart"
        broken = self.scene.ledger.is_broken(guest.rules, self.scene.number[host])
        return "another that goes there must be apart from it" if broken else ""

    @cached_property
    def _company(self) -> "Company":
        return self.company or Company(self.scene, self.placed, frozenset(self.guests))

    def no_host(self, name: str) -> str:
        """That no host fits, with each one's reason."""
        return f"no host fits: {_listed(self.against(name))}"

    def held(self, name: str, advice: str) -> Held:
        """The same as what is held, with why it should go and what would help."""
        where = self.scene.located[name]
        waits = any(not self.scene.observed.is_reachable(host.name) for host in self.scene.hosts)
        reason = HeldReason.HOST_UNKNOWN if waits else HeldReason.NO_HOST_FITS
        cause = self.causes.get(name, "")
        if where.home is not None:
            reason = HeldReason.CANNOT_MIGRATE
        said = "" if not cause or cause == f"host/{where.home} is cordoned" else f"{cause}; "
        return Held(where.ref, reason, f"{said}{self.no_host(name)}{advice and f'; {advice}'}")


@dataclass
class Company:
    """Who of the documents is, or will be, at each host. `arriving`: those whose target counts, beside their home."""

    scene: Scene
    placed: Mapping[str, Placement]
    arriving: frozenset[str]

    def at(self, host: str) -> list[str]:
        """By name."""
        return self._at.get(host, [])

    @cached_property
    def _at(self) -> Mapping[str, list[str]]:
        at: dict[str, list[str]] = {}
        for name, placement in sorted(self.placed.items()):
            homes = {placement.where.home} if counts(self.scene, placement) else set()
            targets = {placement.target} if name in self.arriving else set()
            for host in (homes | targets) - {None}:
                at.setdefault(str(host), []).append(name)
        return at


def _listed(rejected: Mapping[str, str]) -> str:
    """Each reason once, with all hosts that have it."""
    hosts: dict[str, list[str]] = {}
    for host, reason in sorted(rejected.items()):
        hosts.setdefault(reason, []).append(f"host/{host}")
    return "; ".join(f"{', '.join(names)}: {reason}" for reason, names in hosts.items())
