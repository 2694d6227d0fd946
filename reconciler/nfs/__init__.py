"""NFS servers: what they export, and whether they answer."""

from reconciler.nfs.servers import Servers

__all__ = ["Servers"]
