"""How far migrations are that a look at all hosts found under way, whoever began them.

The one who knows is the source, which by itself looks like any running domain: so it is asked only once its other end
was seen. A look that finds no migration makes no call more.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from reconciler.clock import Pending
from reconciler.observed import Listing, SeenDomain, SeenJob, Unknown
from reconciler.virt.connect import Link, Session
from reconciler.virt.jobs import read_job
from reconciler.virt.observe import HostSeen, finish
from reconciler.virt.parts import aside
from reconciler.whereabouts import ends_of_migrations


def with_jobs(links: Mapping[str, Link], seen: dict[str, HostSeen]) -> dict[str, HostSeen]:
    """What was seen, with how far each migration is at the end that can tell. Raises: nothing."""
    listings = {host: one.domains for host, one in seen.items() if isinstance(one.domains, Listing)}
    asked: dict[str, list[SeenDomain]] = {}
    for source, _ in ends_of_migrations(listings):
        asked.setdefault(source[0], []).append(source[1])
    begun = {
        host: Pending(lambda host=host: _read(links[host], asked[host]), f"{host}-jobs")  # type: ignore[misc]
        for host in sorted(asked)
    }
    for host, pending in begun.items():
        jobs = finish(pending, f"host/{host}")
        if not isinstance(jobs, Unknown):
            items = {name: _with(domain, jobs) for name, domain in listings[host].items.items()}
            seen[host] = replace(seen[host], domains=replace(listings[host], items=items))
    return seen


def _read(link: Link, domains: list[SeenDomain]) -> Mapping[str, SeenJob] | Unknown:
    def read(session: Session) -> Mapping[str, SeenJob]:
        jobs = {}
        for domain in domains:
            with suppress(Exception):  # it is over meanwhile, or its monitor is busy: then nothing is told
                job = read_job(session.connection.lookupByUUIDString(domain.uuid))
                if job is not None:
                    jobs[domain.uuid] = job
            session.beat()
        return jobs

    return aside(link, read)


def _with(domain: SeenDomain, jobs: Mapping[str, SeenJob]) -> SeenDomain:
    return replace(domain, job=jobs[domain.uuid]) if domain.uuid in jobs else domain
