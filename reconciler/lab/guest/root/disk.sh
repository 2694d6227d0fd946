#!/bin/sh
# Keeps the disk in use: holds it open and reads 4 KiB a second past the guest's cache, so that storage faults show.
# Only in the first 8 MiB, which the boot files surely fill: QEMU answers an empty part without asking the storage.
disk=/dev/vda
pages=2048
slow_s=3

now() {
    read -r now _ </proc/uptime
    now=${now%.*}
}

until [ -b "$disk" ]; do
    sleep 1
done
exec 3<"$disk"
page=0
failed_at=
while :; do
    now
    asked_at=$now
    if cause=$(dd if="$disk" of=/dev/null bs=4k count=1 skip="$page" iflag=direct status=none 2>&1); then
        now
        [ -z "$failed_at" ] || echo "guest: $disk reads again after $((now - failed_at)) s of errors"
        failed_at=
    elif [ -z "$failed_at" ]; then
        now
        echo "guest: I/O error on $disk: $cause"
        failed_at=$now
    fi
    [ $((now - asked_at)) -lt "$slow_s" ] || echo "guest: a read of $disk took $((now - asked_at)) s"
    page=$(((page + 257) % pages))
    sleep 1
done
