"""Emptying a hypervisor of small guests, two at a time: `reconcile --once` after the cordon, over virsh at its best.

Both run on the seat, by turns, each in both directions; the first turns warm up libvirt, which probes its QEMU then.
"""

from pathlib import Path

from tests.bench.cloud import RECONCILE, Broken, Hypervisor, Lab, Seat, pair, run
from tests.bench.table import Row, over, row

GUESTS, AT_ONCE = 8, 2
SCRIPT = str(Path(__file__).with_name("drain.sh"))
TARGETS = (1.15, 1.03)
ORDER = ("script", "product", "product", "script")
"""Over and over: so each drains the first hypervisor as often as the second."""
WARM_UPS = 2


def measure(transport: str, rounds: int) -> list[Row]:
    """Rows of the script and the product; `rounds`: turns of each that count."""
    answers: dict[str, list[dict[str, float]]] = {"script": [], "product": []}
    with pair(GUESTS, transport) as built, Seat(built, "bare", built.hypervisors[0]) as seat:
        turns = [ORDER[number % len(ORDER)] for number in range(2 * rounds + WARM_UPS)]
        source, target = built.hypervisors
        for who in turns:
            answers[who].append(_drained(built, seat, who, source, target))
            source, target = target, source
    work = f"{GUESTS} guests, {AT_ONCE} at once"
    floor, ours = row(work, "virsh script", answers["script"]), row(work, "reconcile --once", answers["product"])
    return [floor, over(ours, floor, None, TARGETS)]


def _drained(built: Lab, seat: Seat, who: str, source: Hypervisor, target: Hypervisor) -> dict[str, float]:
    """One turn. Raises: Broken when not all are gone."""
    built.cordon(source.host)
    if who == "script":
        answer = seat.ask("run", "sh", SCRIPT, source.uri, target.uri, target.address, str(AT_ONCE))
    else:
        answer = seat.ask("run", RECONCILE, "--once", "-C", str(source.documents))
    left = run(built.seat_argv("virsh", "-q", "-c", source.uri, "list", "--name")).split()
    if left:
        raise Broken(f"{who} left {len(left)} guests at {source.host}")
    return answer
