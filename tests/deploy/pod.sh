#!/bin/sh
# Runs a command as the chart's container runs it: as a user without capabilities, on a root that cannot be written.
# Takes the root, UID:GID, folder:path for each volume, then -- and the command. Needs root; call it under
# `unshare --mount --pid --fork`, so that mounts and process end together.
set -eu
root=$1
user=$2
shift 2
mount --bind "$root" "$root"
while [ "$1" != -- ]; do
    path=$root${1##*:}
    mkdir -p "$path"
    mount --bind "${1%:*}" "$path"
    shift
done
shift
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -o remount,bind,ro "$root"
# chroot itself needs the three; changing the user takes them away.
exec setpriv --no-new-privs --bounding-set -all,+sys_chroot,+setuid,+setgid \
    chroot --userspec="$user" --groups= "$root" "$@"
