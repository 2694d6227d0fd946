"""A small NFSv3 client over FUSE, for computers whose kernel has none. Python's standard library only.

onc.py speaks ONC RPC, nfs3.py the NFS procedures, fuse.py the kernel's FUSE protocol; files.py joins them, and mount.py
is the `mount.nfs` that mount(8) calls.
"""
