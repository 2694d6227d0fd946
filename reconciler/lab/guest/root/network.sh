#!/bin/sh
# Waits for the first virtio interface, names the guest, then takes and keeps a lease until the interface is unplugged.
# init starts it anew then.
interface=/sys/class/net/eth0
until [ -e "$interface" ]; do
    sleep 1
done
read -r name <"$interface/address"
read -r index <"$interface/ifindex"
if [ -r /sys/class/dmi/id/product_serial ]; then
    read -r serial </sys/class/dmi/id/product_serial
fi
case $serial in
    # None, or no host name ("Not Specified"): the server may name the guest by its MAC address.
    '' | *[!A-Za-z0-9.-]*) set -- ;;
    *) name=$serial && set -- -x "hostname:$serial" ;;
esac
echo "$name" >/proc/sys/kernel/hostname
ip link set eth0 up
udhcpc -f -i eth0 -s /guest/lease.sh -t 4 -T 1 -A 2 "$@" >/dev/null 2>&1 &
while [ "$(cat "$interface/ifindex" 2>/dev/null)" = "$index" ] && kill -0 $!; do
    sleep 1
done
kill $!
