"""How a domain would be moved, and how long that is expected to take. Pure."""

from reconciler.desired import Desired
from reconciler.desired.documents import Domain, MigrationPolicy
from reconciler.moving import expected_s
from reconciler.observed import Observed

WORTH_S = 5.0
"""A copy that is shorter is not measured beforehand, which takes a second."""


def migration_policy(desired: Desired, domain: Domain) -> MigrationPolicy:
    """The cluster's policy with what the domain's document overrides, field by field."""
    own = domain.spec.migration
    return desired.policy.migration.model_copy(update={name: getattr(own, name) for name in own.model_fields_set})


def rate(observed: Observed, source: str, target: str, bandwidth: int | None) -> int | None:
    """Bytes a second that one migration may have, alone: the slower link, or the bound; None where nobody knows."""
    facts = (observed.host_facts(source), observed.host_facts(target))
    known = [bandwidth, *(of_host.link for of_host in facts if of_host)]
    return min((one for one in known if one is not None), default=None)


def assigned_memory(observed: Observed, domain: Domain, source: str) -> int:
    """Bytes, as libvirt has them now."""
    seen = observed.domain(source, domain.name)
    return int(((seen.live or seen.fields or {}) if seen else {}).get("memory", domain.spec.memory))


def is_worth_measuring(desired: Desired, observed: Observed, domain: Domain, source: str, target: str) -> bool:
    """Whether what its guest does to memory decides how long the move takes; a quick one is over before it is known.

    Where no speed is known, nothing can be foretold, measured or not.
    """
    speed = rate(observed, source, target, migration_policy(desired, domain).bandwidth)
    return speed is not None and assigned_memory(observed, domain, source) >= WORTH_S * speed


def forecast(desired: Desired, observed: Observed, domain: Domain, source: str, target: str) -> float | None:
    """Seconds that the domain's migration should take; inf where it does not converge, None where nobody knows.

    Counts what its guest does to its memory where that was measured (Part.MEMORY), all its memory else.
    """
    policy = migration_policy(desired, domain)
    speed = rate(observed, source, target, policy.bandwidth)
    use = observed.memory_use(source, domain.name)
    return expected_s(assigned_memory(observed, domain, source), use, speed, post_copy=policy.post_copy)
