"""The lab's `exportfs`: what nfs-utils' tool does for the kernel's NFS server, for NFS-Ganesha.

It reads /etc/exports and /etc/exports.d/*.exports, keeps what is exported in /var/lib/nfs/etab, and makes Ganesha serve
that. Runs inside an NFS server of the lab, as /usr/sbin/exportfs. Source: exportfs(8) and the code of nfs-utils 2.6.
"""

import getopt
import json
import os
import signal
import sys
from collections.abc import Iterable
from fcntl import LOCK_EX, flock
from pathlib import Path
from time import monotonic, sleep

from reconciler.lab.exports import (
    BadExports,
    Export,
    apply_options,
    as_etab_line,
    as_exports_line,
    as_listed,
    client_order,
    read_exports,
)
from reconciler.lab.ganesha import export_ids, ganesha_exports

EXPORTS = Path("/etc/exports")
EXPORTS_D = Path("/etc/exports.d")
ETAB = Path("/var/lib/nfs/etab")
LOCK = Path("/var/lib/nfs/export-lock")
IDS = Path("/var/lib/nfs/ganesha-export-ids.json")
GANESHA_EXPORTS = Path("/etc/ganesha/exports.conf")
GANESHA_PID = Path("/run/ganesha/ganesha.pid")
GANESHA_LOG = Path("/var/log/ganesha/ganesha.log")
GANESHA_RELOADED = "Reread exports complete"
RELOAD_S = 10.0
USAGE = "usage: exportfs [-adfhiNoruvs] [host:/path]"

Table = dict[tuple[str, str], Export]


class Complaints:
    """What went wrong on the way; exportfs goes on after most errors and tells by its exit code."""

    def __init__(self) -> None:
        self.failed = False

    def error(self, message: str) -> None:
        """Report an error: the exit code will be 1."""
        self.failed = True
        self.note(message)

    def note(self, message: str) -> None:
        """Report a warning."""
        print(f"exportfs: {message}", file=sys.stderr)


def main(argv: list[str]) -> int:
    """Run with the tool's own arguments; returns its exit code."""
    try:
        pairs, names = getopt.gnu_getopt(argv, "ad:fhiNo:ruvs")
    except getopt.GetoptError as error:
        print(f"exportfs: {error}\n{USAGE}", file=sys.stderr)
        return 1
    options = {key[1:]: value for key, value in pairs}
    if "h" in options:
        print(USAGE, file=sys.stderr)
        return 0
    everything = bool({"a", "r"} & options.keys())
    complaint = _contradiction(options, names, everything=everything)
    if complaint:
        print(f"exportfs: {complaint}", file=sys.stderr)
        return 1
    if not names and not everything:
        if "f" not in options:
            _list(options)
        return 0
    return _change(options, names, everything=everything)


def _contradiction(options: dict[str, str], names: list[str], *, everything: bool) -> str | None:
    if names and everything:
        return "extra arguments are not permitted with -a or -r"
    if "i" in options and (everything or "u" in options):
        return "-i not meaningful with -a, -r or -u"
    if "r" in options and "u" in options:
        return "-r and -u are incompatible"
    return None


def _list(options: dict[str, str]) -> None:
    for export in sorted(_read_etab().values(), key=client_order):
        print(as_exports_line(export) if "s" in options else as_listed(export, verbose="v" in options))


def _change(options: dict[str, str], names: list[str], *, everything: bool) -> int:
    complaints = Complaints()
    with LOCK.open("w") as lock:
        flock(lock, LOCK_EX)
        if "u" in options:
            table = {} if everything else _without(_read_etab(), names, complaints)
        else:
            files = {} if "i" in options else _read_files(complaints)
            asked = files if everything else _asked(files, names, options.get("o", ""), complaints)
            for export in asked.values():
                _check_path(export, complaints)
                if "v" in options:
                    print(f"exporting {export.client}:{export.path}")
            table = asked if "r" in options else {**_read_etab(), **asked}
        _write(ETAB, "".join(f"{as_etab_line(export)}\n" for export in table.values()))
        _serve(table.values(), complaints)
    return 1 if complaints.failed else 0


def _read_files(complaints: Complaints) -> Table:
    """All exports of the files; the first of two for one client and path counts."""
    table: Table = {}
    for path in [EXPORTS, *sorted(EXPORTS_D.glob("[!.]*.exports"))]:
        if not path.exists():
            continue
        reading = read_exports(path.read_text(errors="surrogateescape"), str(path))
        for note in reading.notes:
            complaints.note(note)
        for export in reading.exports:
            export = _resolved(export)
            if (export.client, export.path) in table:
                complaints.note(f"duplicated export entries:\nexportfs: \t{export.client}:{export.path}")
            table.setdefault((export.client, export.path), export)
        if reading.error:
            complaints.error(reading.error)
    return table


def _resolved(export: Export) -> Export:
    """As exportfs does, follow symbolic links in the path."""
    real = os.path.realpath(export.path)
    return Export(real, export.client, export.flags, export.anonuid, export.anongid, export.security, export.values)


def _read_etab() -> Table:
    if not ETAB.exists():
        return {}
    return {(e.client, e.path): e for e in read_exports(ETAB.read_text(errors="surrogateescape"), str(ETAB)).exports}


def _asked(files: Table, names: list[str], options: str, complaints: Complaints) -> Table:
    """The exports named on the command line; options go on top of what the files say of them."""
    table: Table = {}
    for name in names:
        key = _client_and_path(name, complaints)
        if key:
            base = files.get(key) or Export(key[1], key[0])
            try:
                table[key] = apply_options(base, options, "command line:0")
            except BadExports as error:
                complaints.error(str(error))
    return table


def _without(table: Table, names: list[str], complaints: Complaints) -> Table:
    for name in names:
        key = _client_and_path(name, complaints)
        if key and key not in table:
            complaints.error(f"Could not find '{key[0]}:{key[1]}' to unexport.")
        elif key:
            table = {other: export for other, export in table.items() if other != key}
    return table


def _client_and_path(name: str, complaints: Complaints) -> tuple[str, str] | None:
    """`10.0.0.0/24:/srv` or `[fd00::]/64:/srv` -> (client, path)."""
    client, colon, path = name.partition(":/")
    if not colon or (":" in client and not client.startswith("[")):
        complaints.error(f"Invalid export syntax: {name}")
        return None
    if ":" in client:
        client = client.replace("[", "").replace("]", "")
    return client or "*", "/" + path.rstrip("/")


def _check_path(export: Export, complaints: Complaints) -> None:
    if not os.path.exists(export.path):
        complaints.error(f"Failed to stat {export.path}: No such file or directory")
    elif not os.path.isdir(export.path):
        complaints.error(f"{export.path} is not a directory. Remote access will fail")


def _write(path: Path, text: str) -> None:
    draft = path.with_name(path.name + ".tmp")
    draft.write_text(text, errors="surrogateescape")
    draft.replace(path)


def _serve(exports: Iterable[Export], complaints: Complaints) -> None:
    """Make Ganesha serve exactly these. What is not there cannot be served; the kernel would refuse its mounts, too."""
    servable = [export for export in exports if os.path.isdir(export.path)]
    known = json.loads(IDS.read_text()) if IDS.exists() else {}
    ids = export_ids((export.path for export in servable), known)
    _write(IDS, json.dumps(ids))
    text = ganesha_exports(servable, ids)
    if GANESHA_EXPORTS.read_text() == text:
        return
    _write(GANESHA_EXPORTS, text)
    _reload(complaints)


def _reload(complaints: Complaints) -> None:
    """Tell Ganesha to read its exports again and wait until it has, so that a mount right after finds them."""
    begin = GANESHA_LOG.stat().st_size if GANESHA_LOG.exists() else 0
    try:
        os.kill(int(GANESHA_PID.read_text()), signal.SIGHUP)
    except (FileNotFoundError, ProcessLookupError, ValueError):
        complaints.note("the NFS server does not run: exports take effect when it starts")
        return
    deadline = monotonic() + RELOAD_S
    while GANESHA_RELOADED not in _log_since(begin):
        if monotonic() > deadline:
            complaints.error(f"the NFS server did not take the exports within {RELOAD_S:.0f} s; see {GANESHA_LOG}")
            return
        sleep(0.01)


def _log_since(begin: int) -> str:
    with GANESHA_LOG.open(errors="replace") as log:
        log.seek(begin)
        return log.read()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
