"""Exports as NFS-Ganesha wants them. Pure. Source: ganesha-export-config(8), version 4.3."""

from collections.abc import Iterable, Mapping
from itertools import groupby

from reconciler.lab.exports import Export, client_order

FIRST_ID = 1
LAST_ID = 65535


def export_ids(paths: Iterable[str], known: Mapping[str, int]) -> dict[str, int]:
    """A number for each path, kept for ever: clients' file handles carry it, over a restart too."""
    ids = dict(known)
    for path in paths:
        if path not in ids:
            taken = set(ids.values())
            ids[path] = next(number for number in range(FIRST_ID, LAST_ID) if number not in taken)
    return ids


def ganesha_exports(exports: Iterable[Export], ids: Mapping[str, int]) -> str:
    """One EXPORT block for each path; in it a CLIENT block for each pattern, the narrowest first: the first counts."""
    ordered = sorted(exports, key=lambda export: (export.path, client_order(export)))
    return "".join(
        _export_block(path, ids[path], tuple(group)) for path, group in groupby(ordered, key=lambda e: e.path)
    )


def _export_block(path: str, number: int, exports: tuple[Export, ...]) -> str:
    clients = "".join(_client_block(export) for export in exports)
    return f"""\
EXPORT {{
    Export_Id = {number};
    Path = "{path}";
    Pseudo = "{path}";
    Protocols = 3, 4;
    Transports = TCP;
    SecType = sys;
    Access_Type = None;
    Attr_Expiration_Time = 0;
    FSAL {{ Name = VFS; }}
{clients}}}
"""


def _client_block(export: Export) -> str:
    access = "RO" if "ro" in export.flags else "RW"
    squash = "No_root_squash"
    if "all_squash" in export.flags:
        squash = "All_squash"
    elif "root_squash" in export.flags:
        squash = "Root_squash"
    return f"""\
    CLIENT {{
        Clients = {export.client};
        Access_Type = {access};
        Squash = {squash};
        Anonymous_Uid = {export.anonuid};
        Anonymous_Gid = {export.anongid};
    }}
"""
