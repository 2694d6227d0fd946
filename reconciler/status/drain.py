"""Hosts that could be emptied now, and could not any more once the documents are in force. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from reconciler.desired import Desired, Place, Ref
from reconciler.history import History
from reconciler.observed import Observed
from reconciler.place import drainable, drainable_as_seen


@dataclass(frozen=True, slots=True)
class Undrainable:
    """A domain that would keep `host` from being emptied, though nothing does now. `place`: of its document."""

    host: str
    domain: str
    reason: str
    place: Place

    def __str__(self) -> str:
        what = f"host/{self.host} can be emptied now, and could not any more"
        return f"{self.place}: {what}: domain/{self.domain}: {self.reason}"


def made_undrainable(desired: Desired, observed: Observed) -> tuple[Undrainable, ...]:
    """What stands against emptying hosts only because of what the documents say.

    A host that cannot be asked is left out: nobody knows what it could do now. Order: by host, then domain.
    """
    return tuple(_made_undrainable(desired, observed))


def _made_undrainable(desired: Desired, observed: Observed) -> Iterator[Undrainable]:
    now = drainable_as_seen(desired, observed)
    for host, fit in drainable(desired, observed, History()).items():
        if fit.fits or host not in now or not now[host].fits:
            continue
        for name, reason in fit.left:
            place = desired.places.get(Ref("domain", name)) or desired.places[Ref("host", host)]
            yield Undrainable(host, name, reason, place)
