"""Doing an action at a hypervisor: behind a deadline, with libvirt's errors in our words."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from reconciler.action import Action, DefineDomain, MigrateDomain, ProvePath, SetPassword, ShutdownDomain, Upload
from reconciler.copying import CopyImage
from reconciler.errors import HostUnreachable, PermanentError
from reconciler.hypervisor import Progress
from reconciler.redact import hide
from reconciler.secrets import Secrets
from reconciler.virt.apply import SHORT, Short, shown_definition
from reconciler.virt.caller import Hung
from reconciler.virt.connect import Link
from reconciler.virt.copying import copy
from reconciler.virt.migrate import migrate
from reconciler.virt.passwords import fetched, set_password
from reconciler.virt.paths import prove
from reconciler.virt.shutdown import shut_down
from reconciler.virt.translate import is_broken, translate
from reconciler.virt.upload import upload
from reconciler.xml.passwords import has_screen, passwords_of, with_passwords


@dataclass(slots=True)
class Stage:
    """What long actions share: other hosts' links, and whether all of it is being told to end."""

    link: Callable[[str], Link]
    stopping: threading.Event = field(default_factory=threading.Event)
    secrets: Secrets = field(default_factory=lambda: Secrets(runs_commands=False))


def act(stage: Stage, action: Action, progress: Progress) -> None:
    """Do it. Raises: TransientError, PermanentError, HostUnreachable."""
    link = stage.link(action.host)
    match action:
        case MigrateDomain():
            migrate(link, stage.link(action.target), action, progress, stage.stopping)
        case ProvePath():
            prove(link, stage.link(action.target), action, progress)
        case CopyImage():
            copy(link, action, progress, stage.stopping)
        case Upload():
            upload(link, action, progress, stage.stopping)
        case DefineDomain() if has_screen(action.xml):
            _act_short(link, SHORT[DefineDomain], _keeping_passwords(stage, action))
        case SetPassword():
            secret = fetched(stage.secrets, action)
            short = Short("set the password of", partial(set_password, secret=secret), 120.0)
            _act_short(link, short, action)
        case ShutdownDomain():
            shut_down(link, action, progress, stage.stopping)
        case _:
            known = SHORT.get(type(action))
            if known is None:
                raise PermanentError(f"cannot {action.verb} {action.object}: no hypervisor can do that")
            _act_short(link, known, action)


def _keeping_passwords(stage: Stage, action: DefineDomain) -> DefineDomain:
    """Read at the last moment, so that they stand in no plan and no message; the result is told to nobody."""
    link = stage.link(action.source or action.host)
    shown = _act_short(link, Short("read the definition of", shown_definition), action)
    for password in passwords_of(shown) if shown else ():
        hide(password)
    return replace(action, xml=with_passwords(action.xml, shown)) if shown else action


def _act_short(link: Link, short: Short, action: Action) -> Any:
    attempt = f"{short.words} {action.object}"
    if short.storage and link.hangs_in_pools:
        raise HostUnreachable(
            f"cannot {attempt}: a storage call at host/{link.host} still hangs; is a mount there dead?"
        )
    with link.borrowed() as session:
        try:
            return session.run(lambda session: short.call(session.connection, action), short.timeout_s, short.timeout_s)
        except Hung as hung:
            if short.storage:
                link.note_pool_call(hung.promise)
            session.end()
            cause = f"libvirt gave no answer in {short.timeout_s:g} s"
            raise HostUnreachable(f"cannot {attempt}: {cause}; it may still take effect") from None
        except Exception as error:
            if is_broken(error):
                session.end()
            raise translate(error, attempt) from None
