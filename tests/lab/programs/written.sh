# Everything on this machine that a reconciler could write: `<path>	<what it is>`, one line each. Disks of guests change
# while they run, so of them only name, size and file number count.
for directory in /etc/libvirt /var/lib/libvirt/qemu/save /var/lib/libvirt/qemu/nvram; do
    [ ! -d "$directory" ] || find "$directory" -type f -printf '%p\t%i %s %T@ ' -exec sha256sum {} \;
done | sed 's/  [^ ]*$//'
for directory in /etc/exports /etc/exports.d; do
    [ ! -e "$directory" ] || find "$directory" -printf '%p\t%i %s %T@ %y %l\n'
done
[ ! -d /srv ] || find /srv -printf '%p\t%i %s %y\n'
[ ! -e /etc/exports ] || find /srv ! -name '*.qcow2' -printf 'mtime %p\t%T@\n'
[ ! -x /usr/sbin/exportfs ] || [ ! -e /etc/exports ] || exportfs -s | sort | sed 's/^/served\t/'
