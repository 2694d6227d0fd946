#!/bin/sh
# Called by udhcpc with the event and, in the environment, what the server said.
take() {
    ifconfig "$interface" "$ip" netmask "${subnet:-255.255.255.0}"
    for gateway in $router; do
        ip route replace default via "$gateway" dev "$interface"
        break
    done
    echo "$ip" >/var/run/address
    [ -z "$hostname" ] || echo "$hostname" >/proc/sys/kernel/hostname
}

case $1 in
    deconfig)
        ifconfig "$interface" 0.0.0.0
        : >/var/run/address
        ;;
    renew) take ;;
    bound)
        take
        read -r name </proc/sys/kernel/hostname
        read -r uptime _ </proc/uptime
        echo "guest: $name is up at $ip after $uptime s" >/dev/console
        ;;
    leasefail) echo "guest: no DHCP server answers on $interface" >/dev/console ;;
esac
