"""What differs in the passwords of screens. Which secret is right, the edge alone knows; here it is yes or no."""

from collections.abc import Iterator

from reconciler.change import Change, Field, PasswordDiffers
from reconciler.desired import Desired, Ref
from reconciler.desired.documents import Domain
from reconciler.observed import SeenDomain
from reconciler.password import FIELD, UNSET, password_ref
from reconciler.redact import HIDDEN
from reconciler.screen import Password
from reconciler.step import Held, HeldReason


def new_password(desired: Desired, domain: Domain, ref: Ref, uuid: str) -> Iterator[Change]:
    """Of a domain that this pass defines: set before it is started for the first time."""
    source = password_ref(desired, domain)
    if source is not None and domain.spec.graphics is not None:
        yield PasswordDiffers(ref, f"{FIELD}: none is set", uuid, source, domain.spec.graphics.type, False, False)


def password_differs(desired: Desired, domain: Domain, seen: SeenDomain, ref: Ref) -> Iterator[Change | Held]:
    """Of a domain that is there. Where the secret could not be fetched, that is said, and nothing changes."""
    source, graphics, password = password_ref(desired, domain), domain.spec.graphics, seen.password
    if source is None or graphics is None or password is None:
        return
    if password.trouble:
        yield Held(ref, HeldReason.SECRET_UNKNOWN, f"{FIELD}: {password.trouble}")
        return
    can_change_live = password.live not in (None, Password.NONE)
    wrong = [one for one in (password.persistent, password.live if can_change_live else None) if one in UNSET]
    if wrong:
        reason = f"{FIELD}: {UNSET[wrong[0]]}"
        yield PasswordDiffers(ref, reason, seen.uuid, source, graphics.type, seen.is_active, can_change_live)


def staged_password(desired: Desired, domain: Domain, seen: SeenDomain) -> tuple[Field, ...]:
    """What only a start can bring: QEMU takes another password of a screen that has one, no first one."""
    is_asked = password_ref(desired, domain) is not None and seen.password is not None
    first = Field(tuple(FIELD.split(".")), None, HIDDEN)
    return (first,) if is_asked and seen.password and seen.password.live is Password.NONE else ()


def is_open(desired: Desired, domain: Domain, seen: SeenDomain) -> bool:
    """Whether it shall have a password, has none, and none can be fetched: then it is not started."""
    password = seen.password if password_ref(desired, domain) is not None else None
    return password is not None and bool(password.trouble) and password.persistent is Password.NONE
