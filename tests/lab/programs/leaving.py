"""Count, again and again, the domains of this hypervisor that a migration is taking away. Runs on a hypervisor."""

import time

import libvirt

libvirt.registerErrorHandler(lambda *_: None, None)
connection = libvirt.open("qemu:///system")


def is_leaving(domain: libvirt.virDomain) -> bool:
    try:
        return bool(domain.jobStats().get("operation") == libvirt.VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT)
    except libvirt.libvirtError:  # it has just gone
        return False


print("ready", flush=True)
while True:
    running = connection.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE)
    print(sum(map(is_leaving, running)), flush=True)
    time.sleep(0.05)
