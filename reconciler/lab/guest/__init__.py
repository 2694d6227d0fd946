"""Maker of the lab's guest: a tiny bootable disk that says it is alive.

The guest is a Debian kernel, a static busybox and the scripts in root/. It boots by BIOS from a virtio disk, takes
an address by DHCP, and on TCP port 8080 answers every connection with one line: `<name> <uptime in seconds> <boot id>`.
The name is what DHCP says, else the DMI product serial, else the MAC address. The power button turns it off.
"""

from reconciler.lab.guest.build import make_image
from reconciler.lab.guest.tools import GuestImageError

__all__ = ["GuestImageError", "make_image"]
