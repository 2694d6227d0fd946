"""The password of a domain's screen: where it comes from, and that it is set. No I/O, and no value of any secret."""

from dataclasses import dataclass

from reconciler.desired import Desired
from reconciler.desired.documents import Domain
from reconciler.desired.secrets import SecretRef, reference
from reconciler.fact import YES, DomainIs, Verdict
from reconciler.observed import Look, Observed
from reconciler.screen import Password

FIELD = "graphics.password"
UNSET = {Password.NONE: "none is set", Password.WRONG: "another one is set"}


def password_ref(desired: Desired, domain: Domain) -> SecretRef | None:
    """Where the password comes from that the document names."""
    graphics = domain.spec.graphics
    if graphics is None or graphics.password is None:
        return None
    return reference(graphics.password, (desired.directory, *desired.secret_roots))


@dataclass(frozen=True, slots=True)
class PasswordSet:
    """The domain is at `host` and its definition has the password; with `live`, what runs has it too."""

    host: str
    name: str
    uuid: str
    live: bool

    def looks(self) -> tuple[Look, ...]:
        return self._there.looks()

    def check(self, observed: Observed) -> Verdict:
        there, seen = self._there.check(observed), observed.domain(self.host, self.name)
        if there.holds is not True or seen is None:
            return there
        password = seen.password
        if password is None or password.trouble:
            return Verdict(None, password.trouble if password else f"its {FIELD} cannot be read")
        asked = (password.persistent, password.live if self.live and password.live else Password.RIGHT)
        wrong = next((UNSET[one] for one in asked if one in UNSET), "")
        return Verdict(False, f"{FIELD}: {wrong}") if wrong else YES

    @property
    def _there(self) -> DomainIs:
        return DomainIs(self.host, self.name, self.uuid)
