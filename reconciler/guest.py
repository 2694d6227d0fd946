"""What is known of a guest itself, beside its domain. Pure."""

from reconciler.observed import SeenDomain, Standing


def has_come_up(seen: SeenDomain) -> bool:
    """Whether the guest's own system runs, as far as any pass sees: its agent has opened its end of the channel.

    False says nothing of a guest without an agent.
    """
    return seen.standing is Standing.RUNNING and seen.agent_connected
