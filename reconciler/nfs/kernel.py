"""An NFS server whose exports are files and `exportfs` (nfs-utils), over ssh.

Only our own file is written and only our own exports are put in or out of force: `exportfs -ra` would drop what other
people exported by hand.
"""

import shlex
from dataclasses import dataclass
from secrets import token_hex

from reconciler.action import RemoveExport, WriteExport
from reconciler.errors import HostUnreachable, PermanentError
from reconciler.nfs.exports import (
    DIRECTORY,
    EXPORTS,
    Line,
    client_path,
    file_name,
    file_text,
    normal_client,
    owner,
    read_lines,
)
from reconciler.shell import Shell

READ_S = 5.0
CHANGE_S = 30.0
FILE_LIMIT = 1 << 18

READ = """\
PATH=$PATH:/usr/sbin:/sbin
for file in {exports} {directory}/*.exports; do
  [ -f "$file" ] || continue
  printf '\\n%s file %s\\n' {mark} "$file"
  head -c {limit} -- "$file"
done
for dir in {dirs}; do
  printf '\\n%s real %s\\n' {mark} "$dir"
  readlink -f -- "$dir"
done
printf '\\n%s served\\n' {mark}
exportfs -s"""

WRITE = """\
set -eu
PATH=$PATH:/usr/sbin:/sbin
file=$1 size=$2 dir=$3
shift 3
mkdir -p -- "$dir" "${file%/*}"
draft=$(mktemp "${file%/*}/.reconciler-XXXXXXXX")
trap 'rm -f -- "$draft"' EXIT
cat > "$draft"
[ "$(wc -c < "$draft")" -eq "$size" ] || { echo "only a part of the file arrived"; exit 1; }
chmod 0644 -- "$draft"
mv -f -- "$draft" "$file"
trap - EXIT
"""
REMOVE = """\
set -eu
PATH=$PATH:/usr/sbin:/sbin
rm -f -- "$1"
shift
"""
PUT_IN_FORCE = """\
while [ $# -gt 0 ]; do
  case $1 in
    -o) exportfs -o "$2" -- "$3"; shift 3 ;;
    -u) exportfs -u -- "$2" || : ; shift 2 ;;
    *) exit 2 ;;
  esac
done"""
"""Words: `-o OPTIONS CLIENT:/DIR` and `-u CLIENT:/DIR`. One that is out of force already is no error."""


@dataclass(frozen=True, slots=True)
class Exports:
    """What a server's files and `exportfs -s` say. `real`: directory of a document -> without links."""

    ours: tuple[tuple[str, str, Line], ...]
    """(cluster, pool, line)"""
    foreign: tuple[Line, ...]
    served: tuple[Line, ...]
    real: tuple[tuple[str, str], ...] = ()


class KernelServer:
    """`exportfs` behind a shell. Raises: HostUnreachable, PermanentError."""

    def __init__(self, host: str, shell: Shell) -> None:
        self._host = host
        self._shell = shell

    def read(self, dirs: tuple[str, ...] = ()) -> Exports:
        """Everything in one exchange; `dirs`: those whose links are to be followed."""
        mark = token_hex(8)
        words = " ".join(shlex.quote(path) for path in dirs)
        script = READ.format(exports=EXPORTS, directory=DIRECTORY, mark=mark, limit=FILE_LIMIT, dirs=words)
        answer = self._shell.run(script, READ_S)
        if answer.code != 0:
            raise HostUnreachable(f"cannot list the exports of host/{self._host}: {answer.last_line}")
        return read_answer(answer.text, mark)

    def write(self, action: WriteExport) -> None:
        """Our file whole, by rename; then our exports in force, those that it no longer names out of it."""
        before = self.read()
        text = file_text(action.cluster, action.name, action.dir, action.clients, action.options)
        options = ",".join(action.options)
        put = [word for client in action.clients for word in ("-o", options, client_path(client, action.dir))]
        kept = {(action.dir, normal_client(client)) for client in action.clients}
        dropped = [line for cluster, pool, line in before.ours if (cluster, pool) == (action.cluster, action.name)]
        taken = _out_of_force([line for line in dropped if (line.dir, normal_client(line.client)) not in kept], before)
        words = (file_name(action.cluster, action.name), str(len(text.encode())), action.dir, *taken, *put)
        self._change(WRITE + PUT_IN_FORCE, words, text, f"write {action.object}")

    def remove(self, action: RemoveExport) -> None:
        """Our file, and our exports out of force; what somebody else's line also exports goes on as that line says."""
        before = self.read()
        ours = [line for cluster, pool, line in before.ours if (cluster, pool) == (action.cluster, action.name)]
        named = {(line.dir, normal_client(line.client)) for line in ours}
        served = {(line.dir, normal_client(line.client)): line for line in before.served}
        asked = [(action.dir, normal_client(client)) for client in action.clients]
        ours += [served[key] for key in asked if key in served and key not in named]
        words = (file_name(action.cluster, action.name), *_out_of_force(ours, before))
        self._change(REMOVE + PUT_IN_FORCE, words, "", f"remove {action.object}")

    def _change(self, script: str, words: tuple[str, ...], text: str, attempt: str) -> None:
        answer = self._shell.once(script, words, text, CHANGE_S)
        if answer.code != 0:
            raise PermanentError(f"cannot {attempt}: {answer.last_line}")


def _out_of_force(lines: list[Line], exports: Exports) -> list[str]:
    foreign = {(line.dir, normal_client(line.client)): line for line in reversed(exports.foreign)}
    words: list[str] = []
    for line in lines:
        other = foreign.get((line.dir, normal_client(line.client)))
        where = client_path(line.client, line.dir)
        words += ["-u", where]
        if other is not None:
            words += ["-o", other.said, client_path(other.client, other.dir)]
    return words


def read_answer(text: str, mark: str) -> Exports:
    """Take apart what READ printed. Pure."""
    ours: list[tuple[str, str, Line]] = []
    foreign: list[Line] = []
    served: tuple[Line, ...] = ()
    real: list[tuple[str, str]] = []
    for section in text.split(f"\n{mark} ")[1:]:
        head, _, body = section.partition("\n")
        kind, _, name = head.partition(" ")
        if kind == "served":
            served = read_lines(_without_complaints(body))
        elif kind == "real":
            real.append((name, body.strip()))
        elif (whose := owner(name, body)) is not None:
            ours += [(*whose, line) for line in read_lines(body)]
        else:
            foreign += read_lines(body)
    return Exports(tuple(ours), tuple(foreign), served, tuple(real))


def _without_complaints(body: str) -> str:
    """What exportfs warns about comes on the same stream."""
    return "\n".join(line for line in body.splitlines() if line.startswith(("/", '"')))
