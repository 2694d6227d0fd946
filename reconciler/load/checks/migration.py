"""Migration policies: that what they ask for goes together."""

from reconciler.desired.documents import MIB, Cluster, Domain, MigrationPolicy, Transport
from reconciler.forecast import migration_policy
from reconciler.load.checks.world import Entry, World


def check(world: World) -> None:
    """Complain about policies that libvirt would refuse; a domain's together with what it takes from the cluster's."""
    for entry, cluster in world.of(Cluster):
        _check(world, entry, cluster.spec.migration, cluster.spec.migration)
    for entry, domain in world.of(Domain):
        if domain.spec.migration.model_fields_set:
            _check(world, entry, domain.spec.migration, migration_policy(world.desired, domain))


def _check(world: World, entry: Entry, own: MigrationPolicy, whole: MigrationPolicy) -> None:
    """`own`: what this document says; `whole`: what is in force."""
    if whole.post_copy and whole.transport is Transport.TUNNELLED:
        field = "postCopy" if own.post_copy else "transport"
        message = "does not go together: a tunnelled migration cannot be a post-copy; choose native or tls"
        world.complain((entry, ("spec", "migration", field)), message)
    if own.bandwidth is not None and own.bandwidth < MIB:
        message = "is less than 1MiB a second, the least that libvirt can keep to"
        world.complain((entry, ("spec", "migration", "bandwidth")), message)
