"""exports(5): what lines mean, and how ours are written. Pure."""

import hashlib
import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

DIRECTORY = "/etc/exports.d"
EXPORTS = "/etc/exports"
_WORD = re.compile(r'(?:"[^"]*"|[^\s"#])+')
_OCTAL = re.compile(r"\\([0-7]{3})")
_MARK = re.compile(r"# reconciler: cluster=([A-Za-z0-9._-]+) pool=([A-Za-z0-9._-]+); do not edit, it is written whole")

SWITCHES = (
    *(("ro", "rw"), ("sync", "async"), ("wdelay", "no_wdelay"), ("hide", "nohide"), ("secure", "insecure")),
    *(("root_squash", "no_root_squash"), ("no_all_squash", "all_squash"), ("no_subtree_check", "subtree_check")),
    *(("secure_locks", "insecure_locks"), ("auth_nlm", "no_auth_nlm"), ("acl", "no_acl"), ("no_pnfs", "pnfs")),
    ("nocrossmnt", "crossmnt"),
)
"""Options that come in pairs, the default first."""
DEFAULT_VALUES = {"anonuid": "65534", "anongid": "65534", "sec": "sys"}
ALIASES = {"mp": "mountpoint", "insecure_locks": "no_auth_nlm", "secure_locks": "auth_nlm"}


@dataclass(frozen=True, slots=True)
class Line:
    """One directory exported to one client, as a file or `exportfs -s` says it; `options` with all defaults."""

    dir: str
    client: str
    options: frozenset[str]
    said: str
    """The options as they were written, for exportfs -o."""


def read_lines(text: str) -> tuple[Line, ...]:
    """Every export of a file, in order. Words that make no sense are passed over: exportfs complains about them."""
    return tuple(line for words in _logical_lines(text) for line in _exports(words))


def _logical_lines(text: str) -> Iterator[list[str]]:
    for line in re.sub(r"\\\n", " ", text).splitlines():
        words = [_plain(word) for word in _WORD.findall(_without_comment(line))]
        if words:
            yield words


def _without_comment(line: str) -> str:
    found = re.match(r'(?:"[^"]*"|[^"#])*', line)
    return found[0] if found else ""


def _plain(word: str) -> str:
    return _OCTAL.sub(lambda found: chr(int(found[1], 8)), word.replace('"', ""))


def _exports(words: list[str]) -> Iterator[Line]:
    path, *clients = words
    common = ""
    for word in clients or ["*"]:
        if word.startswith("-"):
            common = word[1:]
            continue
        client, _, options = word.partition("(")
        said = ",".join(filter(None, (common, options.rstrip(")"))))
        yield Line(path.rstrip("/") or "/", client or "*", effective(said.split(",")), said)


def effective(words: Iterable[str]) -> frozenset[str]:
    """All options in force where `words` are written: of two that contradict each other the last counts."""
    values = dict(DEFAULT_VALUES)
    switched = {pair: pair[0] for pair in SWITCHES}
    by_word = {word: pair for pair in SWITCHES for word in pair}
    others = set()
    for word in filter(None, (word.strip() for word in words)):
        key, equals, value = word.partition("=")
        if equals:
            values[ALIASES.get(key, key)] = value
            continue
        for alike in {word, ALIASES.get(word, word)}:
            if alike in by_word:
                switched[by_word[alike]] = alike
            else:
                others.add(alike)
    return frozenset({*switched.values(), *others, *(f"{key}={value}" for key, value in values.items())})


def normal_client(client: str) -> str:
    """One spelling for each client: a network by its prefix, an address without one, a name in lower case."""
    try:
        network = ipaddress.ip_network(client, strict=False)
    except ValueError:
        return client.lower()
    return str(network.network_address) if network.num_addresses == 1 else str(network)


# --- our files -----------------------------------------------------------------


def file_name(cluster: str, pool: str) -> str:
    """Where our file for a pool lies; the hash keeps `a.b` of `c` apart from `b.c` of `a`."""
    digest = hashlib.sha256(f"{cluster}\0{pool}".encode()).hexdigest()[:8]
    return f"{DIRECTORY}/reconciler-{cluster}-{pool}-{digest}.exports"


def file_text(cluster: str, pool: str, directory: str, clients: Iterable[str], options: Iterable[str]) -> str:
    """Our file, whole."""
    words = " ".join(f"{client}({','.join(options)})" for client in clients)
    mark = f"# reconciler: cluster={cluster} pool={pool}; do not edit, it is written whole"
    return f"{mark}\n{_quoted(directory)} {words}\n"


def owner(path: str, text: str) -> tuple[str, str] | None:
    """(cluster, pool) of a file of ours: its name and its mark must agree."""
    found = _MARK.fullmatch(text.partition("\n")[0])
    return (found[1], found[2]) if found and file_name(found[1], found[2]) == path else None


def _quoted(path: str) -> str:
    return re.sub(r'[\s"\\#\x00-\x1f\x7f]', lambda found: "".join(f"\\{b:03o}" for b in found[0].encode()), path)


def client_path(client: str, directory: str) -> str:
    """`client:/dir` as exportfs wants it; an IPv6 address stands in brackets, its prefix behind them."""
    address, slash, prefix = client.partition("/")
    return f"[{address}]{slash}{prefix}:{directory}" if ":" in address else f"{client}:{directory}"


def spelled(clients: Iterable[str]) -> Mapping[str, str]:
    """Normal form -> how the documents write it."""
    return {normal_client(client): client for client in clients}
