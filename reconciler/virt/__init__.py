"""libvirt: connections, observation, actions. Nothing else imports it."""

from reconciler.virt.hypervisors import Hypervisors

__all__ = ["Hypervisors"]
