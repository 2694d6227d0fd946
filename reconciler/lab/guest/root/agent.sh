#!/bin/sh
# A guest agent of few words: that it is there, its address, and the way out. Builtins only, while nobody asks.
find_port() {
    for port in /sys/class/virtio-ports/*; do
        read -r name 2>/dev/null <"$port/name" && [ "$name" = org.qemu.guest_agent.0 ] && return
    done
    return 1
}

# $1: the command, as libvirt writes it.
answer() {
    id=${1##*\"id\":}
    id=${id# }
    id=${id%%[!0-9]*}
    case $1 in
        *guest-sync-delimited*) printf '\377{"return": %s}\n' "$id" ;;
        *guest-sync*) printf '{"return": %s}\n' "$id" ;;
        *guest-ping*) printf '{"return": {}}\n' ;;
        *guest-network-get-interfaces*) interfaces ;;
        *guest-shutdown*)
            echo "guest: down, its agent was asked to" >/dev/console
            poweroff -f
            ;;
        *) printf '{"error": {"class": "CommandNotFound", "desc": "this agent knows few commands"}}\n' ;;
    esac
}

interfaces() {
    address=
    mac=
    read -r address 2>/dev/null </var/run/address
    read -r mac 2>/dev/null </sys/class/net/eth0/address
    known=${address:+"{\"ip-address-type\": \"ipv4\", \"ip-address\": \"$address\", \"prefix\": 24}"}
    printf '{"return": [{"name": "eth0", "hardware-address": "%s", "ip-addresses": [%s]}]}\n' "$mac" "$known"
}

until find_port; do
    sleep 1
done
exec 3<>"/dev/${port##*/}"
while :; do
    while read -r line <&3; do
        answer "$line" >&3
    done
    sleep 1
done
