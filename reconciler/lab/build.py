"""Building a lab, and taking it down without a trace."""

import contextlib
import os
from concurrent.futures import ThreadPoolExecutor
from time import monotonic

from reconciler.lab import node as nodes
from reconciler.lab.computer import has_working_kvm
from reconciler.lab.disk import make_disks, remove_tree
from reconciler.lab.lan import lan as choose_lan
from reconciler.lab.node import Boot
from reconciler.lab.paths import DISKS, LAN, SEAT, check_name, disks, node_key, records
from reconciler.lab.power import Say, await_node, kill_holders, start_node
from reconciler.lab.record import holder, holders_by_command, is_complete, locked, mark_complete, read_spec, write_spec
from reconciler.lab.spec import LabSpec
from reconciler.lab.tools import check_tools, stand_ins

BOOTING = 8  # nodes that get their place on the LAN at the same time


def up(spec: LabSpec, say: Say) -> None:
    """Build every machine of `spec` and wait until all of them answer.

    A lab that is up is left as it is, whatever `spec` says. What a broken `up` left is cleared first; an `up` that
    fails leaves nothing. `spec.limits` are for the caller to show. Raises: LabError.
    """
    check_tools(spec)
    begun = monotonic()
    with locked(spec.name):
        if is_complete(spec.name) and holder(records(spec.name) / LAN) is not None:
            say(f"lab {spec.name} is up already")
            return
        _clear(spec.name)
        try:
            _build(spec, say)
        except BaseException:
            _clear(spec.name)
            raise
    say(f"lab {spec.name} is up after {monotonic() - begun:.1f} s")


def _build(spec: LabSpec, say: Say) -> None:
    records(spec.name).mkdir(mode=0o700, parents=True)
    write_spec(spec)
    boots = _boots(spec)
    start_node(records(spec.name) / LAN, boots[LAN])
    with ThreadPoolExecutor(max_workers=BOOTING) as pool:
        list(pool.map(lambda key: start_node(records(spec.name) / key, boots[key]), boots.keys() - {LAN}))
    for key, boot in boots.items():
        await_node(records(spec.name) / key, boot)
        say(f"{boot.hostname} is on")
    mark_complete(spec.name)


def _boots(spec: LabSpec) -> dict[str, Boot]:
    """Make the disks, and say how each node boots; the switch first, as the others plug into it."""
    lan = choose_lan(spec)
    make_disks(spec, lan)
    commands, hides_kvm = stand_ins(), os.path.exists("/dev/kvm") and not has_working_kvm()
    boots = {LAN: nodes.switch(spec, lan), SEAT: nodes.seat(spec, lan)}
    for machine in spec.machines:
        boots[node_key(machine.name)] = nodes.machine_node(spec, lan, machine, commands, hides_kvm=hides_kvm)
    return boots


def down(name: str, say: Say) -> None:
    """End everything of a lab and remove it; also what an `up` that was killed left. Raises: LabError."""
    check_name(name)
    with locked(name):
        say(f"lab {name} is down" if _clear(name) else f"there is no lab {name}")


def _clear(name: str) -> bool:
    """Kill, then remove; returns whether there was anything."""
    found = False
    spec = read_spec(name)
    served = {LAN, *(node_key(machine.name) for machine in spec.machines if machine.nfs_server)} if spec else set()
    while alive := list(holders_by_command(name)):
        found = True
        kill_holders([one for one in alive if one.node not in served] or alive)  # no mount outlives its server
    for directory in (records(name), disks(name)):
        found = found or os.path.lexists(directory)
        remove_tree(directory)
    with contextlib.suppress(OSError):  # another lab has its disks there
        DISKS.rmdir()
    return found
