"""A declarative reconciler for small clouds of plain libvirt hypervisors."""
