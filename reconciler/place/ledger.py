"""What hosts still have to give, and who is or will be at them: plain numbers, nothing of documents or libvirt.

Hosts are numbers from 0, in order of name. Memory in bytes.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable
from typing import NamedTuple

FAILED_THERE = 1 << 20
"""The penalty of a host that failed a guest last: more than any number of broken soft rules."""


class Rules(NamedTuple):
    """What guests of one sort want of their neighbours. Each number names a count of guests that the ledger keeps.

    `never`: where one of these counts anybody, the guest may not be. `rather_not`: each one counted is a broken soft
    rule; `rather`: each one counted elsewhere is. `counted_in`: where the guest itself counts, as what others look for.
    """

    never: tuple[int, ...] = ()
    rather_not: tuple[int, ...] = ()
    rather: tuple[int, ...] = ()
    counted_in: tuple[int, ...] = ()


FREE = Rules()
"""Of guests that nobody's rule speaks of."""


class Guest(NamedTuple):
    """What goes to one host as a whole: a domain, or some that must be together.

    `hosts`: where it may run as far as it alone goes. `failed`: hosts that failed it last, which come last. `weight`:
    what matters more is greater. `memory` and `vcpus` 0: it needs no room, for it does not run.
    """

    name: str
    memory: int
    vcpus: int
    hosts: frozenset[int]
    rules: Rules = FREE
    failed: frozenset[int] = frozenset()
    weight: tuple[int, int] = (0, 0)
    names: tuple[str, ...] = ()
    """The domains, where there are several."""

    @property
    def domains(self) -> tuple[str, ...]:
        return self.names or (self.name,)


class Ledger:
    """Free memory and vCPUs of each host, always sorted by free memory; among equals the first name is the freest.

    `counts`: for each sort of guest that rules speak of, host -> how many are there.
    """

    def __init__(self, memory: Iterable[int], vcpus: Iterable[float], sorts: int = 0) -> None:
        self.memory = list(memory)
        self.vcpus: list[float] = list(vcpus)
        self.counts: list[dict[int, int]] = [{} for _ in range(sorts)]
        self._bits = max(1, (len(self.memory) - 1).bit_length())
        self._mask = (1 << self._bits) - 1
        self._keys = [free << self._bits | (self._mask - host) for host, free in enumerate(self.memory)]
        self._order = sorted(self._keys)

    def book(self, guest: Guest, host: int) -> None:
        """`guest` is or will be at `host`."""
        self._give(host, -guest.memory, -guest.vcpus)
        self.count(guest.rules, host, 1)

    def release(self, guest: Guest, host: int) -> None:
        """Take a booking back."""
        self._give(host, guest.memory, guest.vcpus)
        self.count(guest.rules, host, -1)

    def count(self, rules: Rules, host: int, step: int) -> None:
        """So many more guests with these rules are at `host`."""
        for sort in rules.counted_in:
            count = self.counts[sort]
            count[host] = count.get(host, 0) + step

    def _give(self, host: int, memory: int, vcpus: int) -> None:
        self.vcpus[host] += vcpus
        if memory:
            order, key = self._order, self._keys[host]
            del order[bisect_left(order, key)]
            self.memory[host] += memory
            self._keys[host] = key = key + (memory << self._bits)
            insort(order, key)

    def fits(self, guest: Guest, host: int) -> bool:
        """Whether `guest` may be at `host` and finds room there."""
        if host not in guest.hosts or self.is_broken(guest.rules, host):
            return False
        return not guest.memory or (self.memory[host] >= guest.memory and self.vcpus[host] >= guest.vcpus)

    def is_broken(self, rules: Rules, host: int) -> bool:
        """Whether a hard rule keeps a guest from `host`."""
        return any(self.counts[sort].get(host) for sort in rules.never)

    def broken_softly(self, rules: Rules, host: int) -> int:
        """How many soft rules a guest breaks at `host`."""
        return sum(self.counts[sort].get(host, 0) for sort in rules.rather_not) + self._away(rules.rather, host)

    def emptiest_first(self) -> list[int]:
        return [self._mask - (key & self._mask) for key in reversed(self._order)]

    def pick(self, guest: Guest, *, tight: bool) -> int | None:
        """The best host for `guest`: fewest penalties, then most memory left (`tight`: least); None where none fits."""
        _, memory, need, allowed, rules, failed, _, _ = guest
        never, rather_not, rather, _ = rules
        if rather:
            return self._pick_beside(guest, tight=tight)
        order, mask, vcpus, counts = self._order, self._mask, self.vcpus, self.counts
        if len(allowed) * 4 < len(order):
            order = sorted([self._keys[host] for host in allowed])
        enough = memory << self._bits if memory else order[0] if order else 0
        is_free = not (rather_not or failed)
        least, best = 0, None
        for key in order[bisect_left(order, enough) :] if tight else reversed(order):
            host = mask - (key & mask)
            if key < enough:
                break
            if host not in allowed or (need and vcpus[host] < need):
                continue
            for sort in never:
                if counts[sort].get(host):
                    break
            else:
                if is_free:
                    return host
                penalty = FAILED_THERE if host in failed else 0
                for sort in rather_not:
                    penalty += counts[sort].get(host, 0)
                if not penalty:
                    return host
                if best is None or penalty < least:
                    least, best = penalty, host
        return best

    def _pick_beside(self, guest: Guest, *, tight: bool) -> int | None:
        """The best host where it would rather be with others: who is nowhere near them need not be told apart."""
        near = {host for sort in guest.rules.rather for host, count in self.counts[sort].items() if count}
        fitting = [host for host in near if self.fits(guest, host)]
        far = self.pick(guest._replace(rules=guest.rules._replace(rather=())), tight=tight)
        found = [*fitting, *([] if far is None else [far])]
        return min(found, key=lambda host: self._score(guest, host, tight=tight), default=None)

    def _score(self, guest: Guest, host: int, *, tight: bool) -> tuple[int, int]:
        failed = FAILED_THERE if host in guest.failed else 0
        return failed + self.broken_softly(guest.rules, host), self._keys[host] if tight else -self._keys[host]

    def _away(self, rather: tuple[int, ...], host: int) -> int:
        """How many of those that should be together with a guest are not at `host`."""
        return sum(sum(self.counts[sort].values()) - self.counts[sort].get(host, 0) for sort in rather)
