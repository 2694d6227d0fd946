"""Guests that move, or should: what tests of migrations do and see, past the product."""

from tests.lab.cloud import HYPERVISORS, Cloud, until

ADDRESSES = {"hv1": "10.77.0.12", "hv2": "10.77.0.13"}


def other(host: str) -> str:
    return next(one for one in HYPERVISORS if one != host)


def processes(cloud: Cloud, host: str) -> dict[str, int]:
    return {name: cloud.qemu_pid(host, name) for name in cloud.running(host)}


def migrate_by_hand(cloud: Cloud, name: str, source: str) -> None:
    target = other(source)
    words = ("migrate", "--live", "--p2p", "--persistent", "--undefinesource", name)
    cloud.virsh(source, *words, f"qemu+ssh://root@{target}/system", f"tcp://{ADDRESSES[target]}")


def progress(cloud: Cloud, host: str, name: str) -> float:
    """How much of a migration's memory is done, 0 to 1; 0 while there is none."""
    told = cloud.virsh(host, "domjobinfo", name, "--rawstats", check=False)
    stats = dict(line.split(":", 1) for line in told.splitlines() if ":" in line)
    total, remaining = float(stats.get("memory_total", 0)), float(stats.get("memory_remaining", 0))
    return 1 - remaining / total if total else 0.0


def leave(cloud: Cloud, name: str) -> tuple[str, str]:
    """Cordon the host of a guest; (its host, where it can go)."""
    source = cloud.host_of(name)
    cloud.cordon(source)
    return source, other(source)


def await_arrival(cloud: Cloud, name: str, target: str) -> None:
    until(lambda: cloud.everywhere(cloud.running).count((name, target)), f"{name} at {target}")
    until(lambda: cloud.virsh(target, "domstate", name).strip() == "running", f"{name} running at {target}")
    until(lambda: name not in cloud.defined(other(target)), f"{name} gone from {other(target)}")


def gather(cloud: Cloud, *names: str) -> None:
    """Bring guests to the host of the first one, by hand."""
    home = cloud.host_of(names[0])
    for name in names[1:]:
        if cloud.host_of(name) != home:
            migrate_by_hand(cloud, name, other(home))
