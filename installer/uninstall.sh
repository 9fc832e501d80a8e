#!/bin/sh
# Removes Redoubt from this machine, and keeps or destroys what people wrote.
#   uninstall.sh --data keep|shred [--root DIR]
# keep leaves /var/lib/redoubt, /var/backups/redoubt and /etc/redoubt, for an installation to come. shred overwrites the key first, without
# which the store is noise wherever copies of it are, then the rest; a recovery key on paper would still open a copy, so
# destroy that, too. On a disk that moves what it writes (any SSD) the key's old place may survive: then destroy the disk.
# Exit status: 0 removed, 1 failed, 2 usage.
set -eu
PATH=/usr/sbin:/usr/bin:/sbin:/bin

say() { printf 'uninstall: %s\n' "$*" >&2; }
usage() {
    say "$*"
    sed -n 's/^#   //p' "$0" >&2
    exit 2
}
in_root() {
    if [ "$root" = / ]; then "$@"; else chroot "$root" "$@"; fi
}

# shred_below FOLDER: every file of it overwritten once and removed.
shred_below() {
    [ -d "$1" ] || return 0
    find "$1" -type f -exec shred --force --iterations=1 --zero --remove=unlink {} +
    rm -rf "$1"
}

remove_program() {
    if [ "$root" = / ] && [ -d /run/systemd/system ]; then
        systemctl --quiet stop redoubt-backup.timer redoubt.socket redoubt.service
    fi
    in_root systemctl --quiet disable redoubt-backup.timer redoubt.socket redoubt.service
    rm -rf "$root/etc/systemd/system/redoubt.socket.d" "$root/etc/systemd/system/redoubt.service.d"
    rm -f "$root"/etc/systemd/system/redoubt*.service "$root"/etc/systemd/system/redoubt*.socket \
        "$root"/etc/systemd/system/redoubt*.timer
    rm -f "$root/etc/sysusers.d/redoubt.conf" "$root/etc/tmpfiles.d/redoubt.conf" "$root/usr/local/bin/redoubt"
    rm -rf "$root/opt/redoubt"
    [ "$root" != / ] || [ ! -d /run/systemd/system ] || systemctl daemon-reload
}

remove_data() {
    [ ! -f "$root/etc/redoubt/store.key" ] ||
        shred --force --iterations=3 --zero --remove=unlink "$root/etc/redoubt/store.key"
    shred_below "$root/etc/redoubt"
    # And what upgrades and restores put aside.
    for folder in "$root/var/lib/redoubt" "$root"/var/lib/redoubt.*; do shred_below "$folder"; done
    shred_below "$root/var/backups/redoubt"
    in_root userdel redoubt 2>/dev/null || say "the user redoubt is still there"
}

main() {
    root=/ data=''
    while [ $# -gt 0 ]; do
        [ $# -ge 2 ] || usage "$1 lacks a value"
        case $1 in
            --data) data=$2 ;;
            --root) root=$2 ;;
            *) usage "unknown: $1" ;;
        esac
        shift 2
    done
    case $data in keep | shred) ;; *) usage "what people wrote: --data keep or --data shred?" ;; esac
    [ "$(id -u)" = 0 ] || usage "only root can uninstall"
    [ -d "$root" ] || usage "$root is not a folder"
    root=$(cd "$root" && pwd)
    remove_program
    [ "$data" = keep ] || remove_data
    say "done; what people wrote was $([ "$data" = keep ] && echo kept || echo destroyed)"
}

main "$@"
exit
