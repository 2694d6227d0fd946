"""One read of several parts of several hosts, as the real edge does it: in parallel, each within its deadline."""

from collections.abc import Mapping
from typing import Any

from reconciler.desired import Desired
from reconciler.observed import Listing, Look, Observed, Part, Unknown
from reconciler.simulate import sight
from reconciler.simulate.faults import Fault, Outcome
from reconciler.simulate.refusal import Refusal, Stuck
from reconciler.simulate.world import SEAT, World

READ_S = 0.05
"""The first answer; each further part of a host comes READ_S / 5 later, so that hosts are not read at one instant."""

HYPERVISOR_PARTS = (Part.FACTS, Part.DOMAINS, Part.NETWORKS, Part.POOLS)

Seen = Listing[Any] | Unknown
Memory = dict[tuple[str, Part], Seen]
"""What was read last, for a stale answer."""


def whole(desired: Desired) -> tuple[Look, ...]:
    """Looks for everything that the documents' hosts hold."""
    hypervisors = [Look(host, part) for host in sorted(desired.hypervisors) for part in HYPERVISOR_PARTS]
    return (*hypervisors, *(Look(host, Part.EXPORTS) for host in sorted(desired.servers)))


def read(world: World, desired: Desired, looks: tuple[Look, ...], fault: Fault | None, memory: Memory) -> Observed:
    """What the looks show. `fault` spoils one host's answers. Raises: nothing."""
    seen = _ask(world, desired, tuple(dict.fromkeys(looks)), fault, memory)
    memory.update({(look.host, look.part): answer for look, answer in seen.items() if not look.name})
    parts: dict[Part, dict[str, Seen]] = {part: {} for part in Part}
    for look, answer in seen.items():
        parts[look.part][look.host] = _joined(parts[look.part].get(look.host), answer)
    pools = sorted({look.host for look in looks if look.part is Part.POOLS})
    return Observed(
        facts=parts[Part.FACTS],
        domains=parts[Part.DOMAINS],
        networks=parts[Part.NETWORKS],
        pools=parts[Part.POOLS],
        exports=parts[Part.EXPORTS],
        targets={host: sight.targets(world, desired, host) for host in pools if world.reaches(SEAT, host)},
        memory=parts[Part.MEMORY],
        guests=parts[Part.GUESTS],
        answering=sight.answering(world, desired) if pools else {},
    )


def _ask(
    world: World, desired: Desired, looks: tuple[Look, ...], fault: Fault | None, memory: Memory
) -> Mapping[Look, Seen]:
    """Each look's answer, in the order of `looks`; silent ones cost the longest deadline once."""
    seen: dict[Look, Seen] = {}
    silent: dict[Look, Stuck] = {}
    for index, look in enumerate(looks):
        world.clock.sleep(READ_S / 5 if index else READ_S)
        if fault and fault.outcome is Outcome.SLOW:
            world.clock.sleep(fault.seconds if look.host == fault.host else 0.0)
            fault = fault if look.host != fault.host else None
        elif fault and look.host == (fault.host or looks[0].host) and _concerns(fault, look):
            seen[look] = _spoilt(fault, look, memory)
            continue
        try:
            seen[look] = sight.read(world, desired, look)
        except Refusal as refusal:
            seen[look] = Unknown(str(refusal))
        except Stuck as hang:
            silent[look] = hang
    if silent:
        world.clock.sleep(max(sight.waits_s(world, look) for look in silent))
    for look, stuck in silent.items():
        seen[look] = Unknown(f"{stuck} within {sight.waits_s(world, look):g} s")
    return {look: seen[look] for look in looks}


def _concerns(fault: Fault, look: Look) -> bool:
    """A partial answer has the facts and the domains, and lacks the rest."""
    return fault.outcome is not Outcome.PARTIAL or look.part not in (Part.FACTS, Part.DOMAINS)


def _spoilt(fault: Fault, look: Look, memory: Memory) -> Seen:
    """A stale answer is what was read before, with its age; else the host is unknown."""
    before = memory.get((look.host, look.part))
    if fault.outcome is Outcome.STALE and before is not None:
        return before
    return Unknown(f"no answer from {look.host} (injected: {fault.outcome})")


def _joined(before: Seen | None, answer: Seen) -> Seen:
    """Two answers about the same part of the same host: all of it wins over a named object; Unknown over both."""
    if before is None or isinstance(answer, Unknown):
        return answer
    if isinstance(before, Unknown) or before.only is None:
        return before
    if answer.only is None:
        return answer
    return Listing({**before.items, **answer.items}, answer.at, before.only | answer.only)
