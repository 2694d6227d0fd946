"""Random clusters as plain numbers, an exact answer to what fits (GLPK), and a checker that knows no search."""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import swiglpk as glpk

from reconciler.place.ledger import FREE, Guest, Ledger, Rules

SIZES = (1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 16)
SOLVER_MS = 2000
"""A question that the solver has not answered by then counts as possible."""


@dataclass(frozen=True)
class Cluster:
    """Guests at their hosts, all within room and rules; `drained` is the fullest host. Guests of a group are apart."""

    memory: tuple[int, ...]
    vcpus: tuple[int, ...]
    guests: Mapping[str, Guest]
    groups: Mapping[str, int]
    at: Mapping[str, int]

    @property
    def drained(self) -> int:
        return max(range(len(self.memory)), key=lambda host: sum(g.memory for g in self.here(host)))

    def here(self, host: int) -> list[Guest]:
        return [guest for name, guest in self.guests.items() if self.at[name] == host]

    def ledger(self) -> Ledger:
        """With all that is there booked."""
        ledger = Ledger(self.memory, self.vcpus, max(self.groups.values(), default=-1) + 1)
        for name, guest in self.guests.items():
            ledger.book(guest, self.at[name])
        return ledger


def cluster(seed: int) -> Cluster:
    """Hosts of several sizes, filled up to 95 % of what they have without the fullest; a third of all with rules."""
    chance = random.Random(seed)
    hosts = chance.choice((3, 4, 5, 6, 8))
    memory = tuple(chance.choice(((32,), (48,), (64,), (32, 48, 64))[chance.randrange(4)]) for _ in range(hosts))
    vcpus = (chance.choice((64, 96)),) * hosts
    sizes = chance.sample(SIZES, chance.choice((3, 4, 6, 8)))
    groups, wanted = chance.choice((0, 2, 4)), chance.uniform(0.80, 0.95) * (sum(memory) - max(memory))
    guests: dict[str, Guest] = {}
    belongs: dict[str, int] = {}
    at: dict[str, int] = {}
    for _ in range(800):
        guest, group = _guest(chance, f"g{len(guests):02}", hosts, sizes, groups)
        host = chance.randrange(hosts)
        there = [name for name, where in at.items() if where == host]
        room = guest.memory + sum(guests[name].memory for name in there) <= memory[host]
        cores = guest.vcpus + sum(guests[name].vcpus for name in there) <= vcpus[host]
        alone = group is None or all(belongs.get(name) != group for name in there)
        full = sum(one.memory for one in guests.values()) + guest.memory > wanted
        if room and cores and alone and not full and host in guest.hosts:
            guests[guest.name], at[guest.name] = guest, host
            belongs |= {guest.name: group} if group is not None else {}
    return Cluster(memory, vcpus, guests, belongs, at)


def _guest(chance: random.Random, name: str, hosts: int, sizes: list[int], groups: int) -> tuple[Guest, int | None]:
    group = chance.randrange(groups) if groups and chance.random() < 0.35 else None
    rules = Rules(never=(group,), counted_in=(group,)) if group is not None else FREE
    allowed = range(hosts) if chance.random() > 0.15 else chance.sample(range(hosts), max(2, hosts // 2))
    return Guest(name, chance.choice(sizes), chance.choice((1, 1, 2, 4)), frozenset(allowed), rules), group


def is_allowed(cloud: Cluster, at: Mapping[str, Iterable[int]]) -> bool:
    """Whether all guests at their hosts (at both ends of a move under way) keep within room and rules."""
    for host in range(len(cloud.memory)):
        here = [guest for name, guest in cloud.guests.items() if host in at[name]]
        groups = [cloud.groups[guest.name] for guest in here if guest.name in cloud.groups]
        if sum(g.memory for g in here) > cloud.memory[host] or sum(g.vcpus for g in here) > cloud.vcpus[host]:
            return False
        if len(set(groups)) < len(groups) or not all(host in guest.hosts for guest in here):
            return False
    return True


def is_possible(cloud: Cluster, movable: frozenset[str]) -> bool:
    """Whether the drained host can be emptied when `movable` may go anywhere; True also where nobody knows."""
    problem = _Problem()
    hosts = [host for host in range(len(cloud.memory)) if host != cloud.drained]
    takes = {(name, host): problem.column() for name in movable for host in hosts if host in cloud.guests[name].hosts}
    for name in movable:
        problem.row({takes[name, host]: 1 for host in hosts if (name, host) in takes}, least=1, most=1)
    for host in hosts:
        fixed = [guest for guest in cloud.here(host) if guest.name not in movable]
        coming = [(name, column) for (name, where), column in takes.items() if where == host]
        for amount, most in (("memory", cloud.memory[host]), ("vcpus", cloud.vcpus[host])):
            left = most - sum(getattr(guest, amount) for guest in fixed)
            problem.row({column: getattr(cloud.guests[name], amount) for name, column in coming}, most=left)
        for group in set(cloud.groups.values()):
            there = sum(1 for guest in fixed if cloud.groups.get(guest.name) == group)
            members = {column: 1 for name, column in coming if cloud.groups.get(name) == group}
            problem.row(members, most=1 - there)
    return problem.is_feasible()


class _Problem:
    """Yes-or-no columns with bounded sums, for GLPK."""

    def __init__(self) -> None:
        glpk.glp_term_out(glpk.GLP_OFF)
        self._problem = glpk.glp_create_prob()

    def column(self) -> int:
        number = glpk.glp_add_cols(self._problem, 1)
        glpk.glp_set_col_kind(self._problem, number, glpk.GLP_BV)
        return int(number)

    def row(self, factors: Mapping[int, int], *, most: int, least: int = 0) -> None:
        number = glpk.glp_add_rows(self._problem, 1)
        kind = glpk.GLP_FX if least == most else glpk.GLP_UP if least == 0 else glpk.GLP_DB
        glpk.glp_set_row_bnds(self._problem, number, kind, least, most)
        columns, values = glpk.intArray(len(factors) + 1), glpk.doubleArray(len(factors) + 1)
        for place, (column, factor) in enumerate(sorted(factors.items()), 1):
            columns[place], values[place] = column, factor
        glpk.glp_set_mat_row(self._problem, number, len(factors), columns, values)

    def is_feasible(self) -> bool:
        parameters: Any = glpk.glp_iocp()
        glpk.glp_init_iocp(parameters)
        parameters.presolve, parameters.tm_lim = glpk.GLP_ON, SOLVER_MS
        ended = glpk.glp_intopt(self._problem, parameters)
        found = glpk.glp_mip_status(self._problem) in (glpk.GLP_OPT, glpk.GLP_FEAS)
        return bool(found or ended == glpk.GLP_ETMLIM)
