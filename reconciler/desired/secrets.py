"""Where a secret comes from. A document names the source; the value stands in no document, plan or snapshot."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.desired import rules
from reconciler.desired.model import Model, Text


class SecretSource(Model):
    """Where a secret is fetched from, when a step needs it; one of these."""

    file: Text | None = None
    """A file, relative to this document, below its directory or a --secret-root."""
    env: Text | None = None
    """An environment variable of the reconciler."""
    credential: Text | None = None
    """A credential that systemd passes to the reconciler's service (LoadCredential=)."""
    command: tuple[Text, ...] | None = None
    """A program and its arguments, run without a shell on the reconciler's computer; its stdout is the secret."""


class SecretValue(Model):
    """A secret, by where it comes from."""

    value_from: SecretSource
    """Where it comes from: file, env, credential or command."""


def by_reference(value: Any) -> Any:
    """What a document says of a secret, which is never the secret itself. Raises: rules.Secret."""
    if value is None or isinstance(value, (dict, SecretValue)):
        return value
    raise rules.Secret(
        "is a secret, which no document holds; write {valueFrom: {file: PATH}}, or env, credential or command"
    )


@dataclass(frozen=True, slots=True)
class SecretRef:
    """A source as a step carries it. `kind`: the source's field; `words`: its value, a path absolute.

    `roots`: of a file, the directories that it must truly lie below.
    """

    kind: str
    words: tuple[str, ...]
    roots: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.kind} {self.words[0]}"


def reference(value: SecretValue, roots: Iterable[str]) -> SecretRef:
    """The source of a checked document; `roots`: where secret files may lie."""
    source = value.value_from
    if source.command is not None:
        return SecretRef("command", source.command)
    if source.file is not None:
        return SecretRef("file", (source.file,), tuple(roots))
    if source.env is not None:
        return SecretRef("env", (source.env,))
    return SecretRef("credential", (source.credential or "",))
