#!/bin/sh
# Runs once, before all else: the kernel's file systems, the modules, the loopback interface.
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
while read -r module; do
    insmod "/modules/$module" || echo "guest: cannot load module $module"
done </modules/order
ip link set lo up
