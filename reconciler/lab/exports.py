"""exports(5): reading its lines, and writing them as `exportfs` of nfs-utils 2.6 does. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import ip_network

# Option word -> (flag, whether it sets or clears it). Source: exports(5).
SWITCHES = {
    word: (flag, value)
    for flag, on, off in (
        ("ro", "ro", "rw"),
        ("insecure", "insecure", "secure"),
        ("async", "async", "sync"),
        ("nohide", "nohide", "hide"),
        ("crossmnt", "crossmnt", "nocrossmnt"),
        ("wdelay", "wdelay", "no_wdelay"),
        ("root_squash", "root_squash", "no_root_squash"),
        ("all_squash", "all_squash", "no_all_squash"),
        ("no_subtree_check", "no_subtree_check", "subtree_check"),
        ("insecure_locks", "insecure_locks", "secure_locks"),
        ("insecure_locks", "no_auth_nlm", "auth_nlm"),
        ("no_acl", "no_acl", "acl"),
        ("pnfs", "pnfs", "no_pnfs"),
        ("nordirplus", "nordirplus", ""),
        ("security_label", "security_label", ""),
    )
    for word, value in ((on, True), (off, False))
    if word
}
DEFAULTS = frozenset({"ro", "root_squash", "wdelay", "no_subtree_check"})
NOBODY = 65534
_SUBTREE_NOTE = """\
{place}: Neither 'subtree_check' or 'no_subtree_check' specified for export "{client}:{path}".
  Assuming default behaviour ('no_subtree_check').
  NOTE: this default has changed since nfs-utils version 1.0.x
"""


class BadExports(ValueError):
    """A line or option that exportfs refuses; the message is exportfs's own."""


@dataclass(frozen=True, slots=True)
class Export:
    """One directory for one client pattern, with all options resolved. `values`: (option, text), in the order given."""

    path: str
    client: str
    flags: frozenset[str] = DEFAULTS
    anonuid: int = NOBODY
    anongid: int = NOBODY
    security: str = "sys"
    values: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file holds. `error`: why reading stopped (nfs-utils skips the rest of that file); `notes`: warnings."""

    exports: tuple[Export, ...]
    notes: tuple[str, ...] = ()
    error: str | None = None


def read_exports(text: str, file: str) -> Reading:
    """Read a whole file. As in nfs-utils the first bad line ends it; what stood before it counts."""
    found: list[Export] = []
    notes: list[str] = []
    for number, words in _lines(text):
        place = f"{file}:{number}"
        try:
            for export, given in _line_exports(words, place):
                found.append(export)
                if not given & {"subtree_check", "no_subtree_check"}:
                    note = _SUBTREE_NOTE.format(place=f"{file} [{number}]", client=export.client, path=export.path)
                    notes.append(note)
        except BadExports as error:
            return Reading(tuple(found), tuple(notes), str(error))
    return Reading(tuple(found), tuple(notes))


def apply_options(export: Export, options: str, place: str) -> Export:
    """`export` with a comma-separated option list on top. Raises: BadExports."""
    for word in filter(None, (part.strip() for part in options.split(","))):
        export = _apply_option(export, word, place)
    return export


def client_order(export: Export) -> int:
    """nfs-utils lists and matches hosts first, then networks, wildcards, netgroups, and everybody last."""
    client = export.client
    if client in ("", "*"):
        return 4
    if client.startswith("@"):
        return 3
    if "/" in client:
        return 1
    return 2 if re.search(r"[*?\[]", client) else 0


def is_network(client: str) -> bool:
    """Whether a client is an address or a network rather than a name."""
    try:
        ip_network(client, strict=False)
    except ValueError:
        return False
    return True


def as_listed(export: Export, *, verbose: bool) -> str:
    """One entry of `exportfs` or `exportfs -v`."""
    client = "<world>" if client_order(export) == 4 else export.client
    head = f"{export.path:<14}\n\t\t{client}" if len(export.path) > 14 else f"{export.path:<14}\t{client}"
    return head + (f"({_listed_options(export)})" if verbose else "")


def as_exports_line(export: Export) -> str:
    """One line of `exportfs -s`, which can be read back."""
    return f"{quoted(export.path)}  {export.client or '*'}({_listed_options(export)})"


def as_etab_line(export: Export) -> str:
    """One line of /var/lib/nfs/etab, with every option spelled out."""
    order = ("ro", "async", "wdelay", "nohide", "crossmnt", "insecure", "root_squash", "all_squash")
    words = [_word(export, flag) for flag in (*order, "no_subtree_check", "insecure_locks", "no_acl")]
    words += [flag for flag in ("nordirplus", "security_label") if flag in export.flags]
    words += [_word(export, "pnfs"), *_values(export)]
    words += [f"anonuid={export.anonuid}", f"anongid={export.anongid}", *_security(export)]
    return f"{quoted(export.path)}\t{export.client}({','.join(words)})"


def quoted(path: str) -> str:
    """A path with blanks, quotes, # and backslashes as octal escapes."""
    return re.sub(r'[\s"\\#\x00-\x1f\x7f]', lambda found: f"\\{ord(found.group()):03o}", path)


def _listed_options(export: Export) -> str:
    words = [_word(export, flag) for flag in ("async", "wdelay", "nohide")]
    words += [flag for flag in ("crossmnt", "no_subtree_check", "insecure_locks") if flag in export.flags]
    words += [flag for flag in ("nordirplus", "no_acl", "pnfs", "security_label") if flag in export.flags]
    words += _values(export)
    words += [f"anonuid={export.anonuid}"] if export.anonuid != NOBODY else []
    words += [f"anongid={export.anongid}"] if export.anongid != NOBODY else []
    return ",".join([*words, *_security(export)])


def _security(export: Export) -> list[str]:
    return [f"sec={export.security}", *(_word(export, f) for f in ("ro", "insecure", "root_squash", "all_squash"))]


def _values(export: Export) -> list[str]:
    return [f"{key}={value}" if value else key for key, value in export.values]


def _word(export: Export, flag: str) -> str:
    """The option word for a flag's state; the first that SWITCHES knows."""
    return next(word for word, (name, value) in SWITCHES.items() if name == flag and value == (flag in export.flags))


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """Number of the first physical line, and words, of each logical line that is not empty."""
    number, pending, start = 0, "", 1
    for number, line in enumerate(text.splitlines(), 1):
        if not pending:
            start = number
        if line.endswith("\\"):
            pending += line[:-1] + " "
            continue
        words = _words(pending + line)
        pending = ""
        if words:
            yield start, words
    if words := _words(pending):
        yield start, words


def _words(line: str) -> list[str]:
    """Blank-separated words up to a comment; quotes join, \\040 is a blank."""
    words = re.findall(r'(?:"[^"]*"|[^\s"#])+', line.partition("#")[0] if '"' not in line else _uncommented(line))
    return [_unescaped(word.replace('"', "")) for word in words]


def _uncommented(line: str) -> str:
    return re.match(r'(?:"[^"]*"|[^"#])*', line).group()  # type: ignore[union-attr]  # matches the empty string too


def _unescaped(word: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found.group(1), 8)), word)


def _line_exports(words: list[str], place: str) -> Iterator[tuple[Export, set[str]]]:
    """The exports of one line, each with the option words that were given for it. Raises: BadExports."""
    path, *clients = words
    base = Export(path.rstrip("/") or "/", "")
    given: set[str] = set()
    if clients and clients[0].startswith("-"):
        given = set(clients[0][1:].split(","))
        base = apply_options(base, clients.pop(0)[1:], place)
    for word in clients or [""]:
        client, bracket, options = word.partition("(")
        if bracket and not options.endswith(")"):
            raise BadExports(f"{place}: syntax error: bad option list")
        options = options.removesuffix(")")
        yield apply_options(replace(base, client=client or "*"), options, place), given | set(options.split(","))


def _apply_option(export: Export, word: str, place: str) -> Export:
    key, _, value = word.partition("=")
    if word in SWITCHES:
        flag, is_set = SWITCHES[word]
        return replace(export, flags=export.flags | {flag} if is_set else export.flags - {flag})
    if key in ("anonuid", "anongid"):
        if not re.fullmatch(r"-?\d+", value):
            raise BadExports(f'{place}: bad {key} "{word}"\n')
        return replace(export, anonuid=int(value)) if key == "anonuid" else replace(export, anongid=int(value))
    if key == "sec":
        return replace(export, security=value)
    if key in ("mp", "mountpoint"):
        return _with_value(export, "mountpoint", value)
    if key in ("fsid", "refer", "replicas", "xprtsec", "reexport") and value:
        return _with_value(export, key, value)
    raise BadExports(f'{place}: unknown keyword "{word}"\n')


def _with_value(export: Export, key: str, value: str) -> Export:
    return replace(export, values=(*(pair for pair in export.values if pair[0] != key), (key, value)))
