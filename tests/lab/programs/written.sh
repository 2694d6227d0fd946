# Everything on this machine that a reconciler could write: `<path>	<what it is>`, one line each. Disks of guests change
# while they run, so of them only name, size and file number count.
for directory in /etc/libvirt /var/lib/libvirt/qemu/save /var/lib/libvirt/qemu/nvram; do
    [ ! -d "$directory" ] || find "$directory" -printf '%p\t%i %s %T@ %y %l\n' -type f -exec sha256sum --tag {} +
done | sed 's/^SHA256 (\(.*\)) = /sum \1\t/'
[ -e /etc/exports ] || exit 0
find /etc/exports /etc/exports.d -printf '%p\t%i %s %T@ %y %l\n'
find /srv -printf '%p\t%i %s %y\n'
find /srv ! -name '*.qcow2' -printf 'mtime %p\t%T@\n'
exportfs -s | sed 's/^/served /; s/  /\t/'
