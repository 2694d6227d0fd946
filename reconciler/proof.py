"""What is said where a path between two hosts does not work: cause and way out, the same by every edge. Pure."""

from reconciler.action import ProvePath, SharedPool


def no_login(action: ProvePath, cause: str) -> str:
    return (
        f"host/{action.host} cannot reach libvirt of host/{action.target} at {action.peer_uri}: {cause}; "
        f"let root of host/{action.host} log in there without a question"
    )


def other_machine(action: ProvePath) -> str:
    return (
        f"at host/{action.host}, {action.peer_uri} leads to another machine than host/{action.target}; "
        f"mend the name there, or set peerUri"
    )


def no_ports(action: ProvePath, port: int, cause: str) -> str:
    return (
        f"host/{action.host} cannot reach port {port} of {action.address}, the last of those for migrations: {cause}; "
        f"open them (49152 to 49215 by default) at host/{action.target}, or set transport to tunnelled"
    )


def not_shared(action: ProvePath, pool: SharedPool, mounted_here: str, mounted_there: str) -> str:
    """`mounted_here`, `mounted_there`: what lies on the pool's target at either host."""
    return (
        f"what host/{action.host} writes into pool/{pool.name} is not there at host/{action.target}: on {pool.target} "
        f"host/{action.host} has {mounted_here or 'nothing'} mounted, host/{action.target} has "
        f"{mounted_there or 'nothing'}; mount {pool.source} at both"
    )
