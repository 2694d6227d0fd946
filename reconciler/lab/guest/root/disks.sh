#!/bin/sh
# What one TCP connection gets: each disk as the guest sees it, and its bytes.
for disk in /sys/block/vd*; do
    read -r sectors <"$disk/size"
    echo "${disk##*/} $((sectors * 512))"
done
