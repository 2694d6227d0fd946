"""The password of a domain's screen: where it comes from, and that it is set. No I/O, and no value of any secret."""

from dataclasses import dataclass

from reconciler.desired import Desired
from reconciler.desired.documents import Domain
from reconciler.desired.secrets import SecretRef, reference
from reconciler.fact import YES, DomainFact, Verdict
from reconciler.observed import SeenDomain
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
class PasswordSet(DomainFact):
    """The domain is at `host` and its definition has the password; with `live`, what runs has it too."""

    live: bool

    def judge(self, domain: SeenDomain) -> Verdict:
        password = domain.password
        if password is None or password.trouble:
            return Verdict(None, password.trouble if password else f"its {FIELD} cannot be read")
        asked = (password.persistent, password.live if self.live and password.live else Password.RIGHT)
        wrong = next((UNSET[one] for one in asked if one in UNSET), "")
        return Verdict(False, f"{FIELD}: {wrong}") if wrong else YES
