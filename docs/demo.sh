#!/usr/bin/env bash
# The main job, told step by step: a cloud from nothing, a hypervisor emptied and switched off, and back.
# Runs as root in namespaces of its own. Keeps the lab for a look around; run again to start over.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"
DEMO=$PWD/.demo
DOCUMENTS=$DEMO/desired-state
NAME=demo

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
run() { printf '\033[2m$ %s\033[0m\n' "$*"; "$@"; }
lab() { reconcile lab "$@" --name "$NAME" -C "$DOCUMENTS"; }
seat() { reconcile lab exec --name "$NAME" -C "$DOCUMENTS" -- "$@"; }
shown() { printf '\033[2m$ %s\033[0m\n' "$*"; seat "$@"; }

# Asks every guest on the LAN how long it has been up: `<mac> <uptime> <boot id>` at TCP port 8080.
guests_answer() {
    local address mac reply asked=0 answered=0
    while read -r address mac; do
        asked=$((asked + 1))
        reply=$(seat timeout 5 bash -c "cat </dev/tcp/$address/8080" 2>/dev/null || true)
        [ -z "$reply" ] || { answered=$((answered + 1)); printf '   guest at %-12s %s\n' "$address" "$(uptime_of "$reply")"; }
    done < <(lab status -o json | python -c 'import json, sys
for lease in json.load(sys.stdin)["leases"]: print(lease["address"], lease["mac"])')
    [ "$asked" -ge 3 ] && [ "$answered" = "$asked" ]
}
uptime_of() { set -- $1; printf 'up %6.1f s without a stop (boot %s)' "$2" "${3:0:8}"; }
wait_for_guests() {
    local second
    for second in $(seq 60); do
        if guests_answer >"$DEMO/answers" 2>/dev/null; then cat "$DEMO/answers"; return; fi
        sleep 2
    done
    cat "$DEMO/answers"
    echo "the guests did not all answer within two minutes" >&2
    exit 1
}

say "A copy of desired-state/, whose guests boot a small image made here"
[ ! -d "$DOCUMENTS" ] || lab down
rm -rf "$DEMO"
mkdir -p "$DEMO"
cp -r desired-state "$DOCUMENTS"
mkdir -p "$DOCUMENTS/images"
python -m reconciler.lab.guest "$DOCUMENTS/images/tiny.qcow2"
sum=$(sha256sum "$DOCUMENTS/images/tiny.qcow2" | cut -d' ' -f1)
find "$DOCUMENTS" -name "*.yaml" -exec sed -i "/^#demo# /{s///; s/SHA256/$sum/}" {} +
run reconcile validate -C "$DOCUMENTS"

say "The lab: hypervisors hv1 and hv2, the NFS server nas, one LAN with DHCP"
lab up
lab status

say "From nothing to converged"
shown reconcile plan -C "$DOCUMENTS" || [ $? = 2 ]
shown reconcile --once -C "$DOCUMENTS"
shown reconcile status -C "$DOCUMENTS"

say "The guests boot, get addresses from the LAN's DHCP server through the bridges, and answer"
wait_for_guests

say "Empty hv1: its document says so"
run reconcile cordon hv1 -C "$DOCUMENTS"
shown reconcile plan -C "$DOCUMENTS" || [ $? = 2 ]
shown reconcile --once -C "$DOCUMENTS"
shown reconcile status host/hv1 -C "$DOCUMENTS"

say "Switch hv1 off; the guests go on"
lab off hv1
wait_for_guests
shown reconcile status -C "$DOCUMENTS" || [ $? = 4 ]

say "Boot it again, and give it work again"
lab on hv1
run reconcile uncordon hv1 -C "$DOCUMENTS"
shown reconcile --once -C "$DOCUMENTS"
shown reconcile status -C "$DOCUMENTS"

say "That is all. Look around:"
cat <<END
   export PATH=$PWD/.venv/bin:\$PATH RECONCILE_DIR=$DOCUMENTS
   reconcile lab exec --name $NAME -- reconcile status
   reconcile lab exec --name $NAME -- virsh -c qemu+ssh://root@hv2/system list
   reconcile lab exec --name $NAME --on nas -- exportfs -v
Take it down:
   reconcile lab down --name $NAME
END
