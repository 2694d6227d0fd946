"""Passwords as steps. A step carries where the secret comes from; the edge fetches it when the step is taken."""

from collections.abc import Mapping

from reconciler.action import SetPassword
from reconciler.change import Change, PasswordDiffers
from reconciler.fact import DomainIs
from reconciler.password import PasswordSet
from reconciler.plan.draft import Builder, Draft, token
from reconciler.step import Impact, Sign


def password_differs(change: PasswordDiffers) -> tuple[Draft, ...]:
    """Before a first start; a definition that is written beside it comes first, for it makes the screen."""
    name, host = change.ref.name, change.ref.host
    return (
        Draft(
            SetPassword(host, name, change.uuid, change.source, change.screen),
            PasswordSet(host, name, change.uuid, live=change.can_change_live),
            change.reason,
            Impact.NEXT_BOOT if change.active and not change.can_change_live else Impact.LIVE,
            Sign.UPDATE,
            requires=(DomainIs(host, name, change.uuid),),
            provides=frozenset({token("password", name), token("changed", name)}),
            after=frozenset(token(kind, name) for kind in ("adopted", "defined", "recorded")),
        ),
    )


PASSWORDS: Mapping[type[Change], Builder] = {PasswordDiffers: password_differs}
