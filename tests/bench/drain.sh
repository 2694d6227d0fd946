# The best script that empties a hypervisor with WORKERS moves at a time: a queue, and whoever is free takes the next.
# sh drain.sh SOURCE-URI TARGET-URI TARGET-ADDRESS WORKERS
virsh -q -c "$1" list --name | grep . | xargs -P "$4" -I NAME \
    virsh -q -c "$1" migrate --live --p2p --persistent --undefinesource NAME "$2" "tcp://$3"
