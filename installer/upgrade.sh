#!/bin/sh
# Takes Redoubt to the release on this medium, or back to the one before. If the new one does not get well, the old one
# and the data of before come back by themselves. Interrupted at any point, the machine starts as the old release or as
# the new one; running this again ends what was begun.
#   upgrade.sh [--fingerprint SHA256:... [--fingerprint SHA256:...] | --signers FILE] [options]
#   upgrade.sh --rollback [--keep-data] [options]
#   upgrade.sh --discard [options]
# Without a fingerprint, the keys that signed the installed release must have signed this one, too.
# --rollback goes back to the release before, and to the data as they were at the upgrade. What came since is set aside, not
# deleted. With --keep-data the older release goes on with the present data, if it can read them; the audit log says so.
# --discard deletes the release before and its copy of the data, when you are sure. Options:
#   --force              take an older release than the installed one; the audit log says so
#   --from FOLDER        the release (default: the folder of this script)
#   --root DIR           the tree to work on (default /); in another than / nothing is started
#   --no-start           leave the service stopped; then nothing looks whether it is well
#   --patience SECONDS   how long a start may take before the old release comes back (default 60)
#   --yes                do not ask whether to go on
# Exit status: 0 done, 1 refused, failed or taken back (it says which), 2 usage.
set -eu
LC_ALL=C
export LC_ALL
PATH=/usr/sbin:/usr/bin:/sbin:/bin
umask 022

here=$(dirname "$0")
# shellcheck source-path=SCRIPTDIR source=steps.sh
. "$here/steps.sh"
script=upgrade

# ---- What is remembered --------------------------------------------------------------------------------------------

# While an upgrade or a rollback goes on, $state says which; after an upgrade, $before says what a rollback would do.
# Both have the lines "from VERSION", "to VERSION", "copy FOLDER" and, of what goes on, "way on|back".
remembered() { sed -n "s/^$2 //p" "$1"; }

# remember WAY: that an upgrade goes on, or a way back.
remember() {
    printf 'from %s\nto %s\ncopy %s\nway %s\n' "$old" "$new" "$copy" "$1" >"$state.new"
    sync "$state.new"
    mv "$state.new" "$state"
    sync "$root/opt/redoubt"
}

recall() {
    old=$(remembered "$1" from) new=$(remembered "$1" to) copy=$(remembered "$1" copy)
}

# ---- The service ---------------------------------------------------------------------------------------------------

stop() {
    [ -z "$no_start" ] || return 0
    say "stopping release $(current_version)"
    systemctl stop redoubt-backup.timer redoubt.socket redoubt.service
}

redoubt() { "$root/opt/redoubt/current/redoubt" "$@"; }

# The key of such a store is in a person's head or pocket.
waits_for_a_person() { grep -q '^ *unlock *= *"console"' "$configuration"; }

# begin: starts what is current, and looks whether it is well. With --no-start there is nothing to see.
begin() {
    [ -z "$no_start" ] || return 0
    apply_units
    systemctl daemon-reload
    systemctl reset-failed redoubt.service 2>/dev/null || true
    timeout "$patience" systemctl start redoubt.socket redoubt.service || return 1
    ! systemctl is-enabled --quiet redoubt-backup.timer || systemctl start redoubt-backup.timer
    if waits_for_a_person; then
        say "it waits for the key of its store"
        redoubt key unlock --config "$configuration" || return 1
    fi
    # An answer by its own console: the store is open, the models are loaded.
    timeout "$patience" "$root/opt/redoubt/current/redoubt" session list --config "$configuration" >/dev/null || return 1
    redoubt check --config "$configuration" >"$work/check" || { cat "$work/check" >&2; return 1; }
}

# ---- The way on ----------------------------------------------------------------------------------------------------

# Before anything is stopped: what would keep the new release from starting here.
check_release() {
    check_kernel
    check_clock
    check_space_for_release
    data_size=$(du -s -k "$data" | cut -f 1)
    [ "$(free_at "$data")" -ge "$data_size" ] ||
        fail "/var/lib has $(free_at "$data") KiB free; a copy of the data needs $data_size"
}

# The new release's own look at this machine and its configuration, while the old one serves.
try_release() {
    [ -z "$no_start" ] || return 0
    "$from/redoubt" check --config "$configuration" >"$work/check" 2>&1 && return 0
    cat "$work/check" >&2
    fail "release $version does not go with this machine as it is: see above. Nothing was changed"
}

confirm() {
    [ -t 0 ] && [ -z "$yes" ] || return 0
    printf '%s [yes/no]: ' "$1" >&2
    read -r answer
    [ "$answer" = yes ] || fail "nothing was changed"
}

# copy_data FROM TO: of data that nobody serves; complete when it has its name.
copy_data() {
    rm -rf "$2" "$2.part"
    cp -a --reflink=auto "$1" "$2.part"
    sync -f "$2.part"
    mv "$2.part" "$2"
}

# An older release goes on only with what it can read, and with a record of it.
acknowledge() {
    ! older "$new" "$old" || in_root "/opt/redoubt/releases/$new/redoubt" restore --acknowledge-downgrade \
        --config /etc/redoubt/redoubt.toml >&2
}

upgrade() {
    # shellcheck disable=SC2086 # options, and none of them has a blank
    sh "$work/verify.sh" $demanded $force --root "$root" "$from" >"$work/proof"
    cat "$work/proof" >&2
    old=$(current_version)
    new=$(sed -n 's/^release      redoubt \([0-9.]*\),.*/\1/p' "$work/proof")
    if [ "$new" = "$old" ]; then
        say "release $new is installed already"
        return 0
    fi
    check_release
    confirm "Go from release $old to $new? Nobody can use Redoubt meanwhile."
    # shellcheck disable=SC2086
    receive_release $demanded $force
    try_release
    keep_release
    stop
    resume=1
    copy=$data.before-$new
    say "copying the data"
    copy_data "$data" "$copy"
    acknowledge || fail "release $new cannot go on with the data of $old; --rollback goes back to those of before an upgrade"
    put "$work/proof" "$proof"
    remember on
    resume=''
    point_current "$new"
    arrive
}

# However a run ends that has not switched yet: what served before serves again.
# shellcheck disable=SC2317 # the trap calls it
leave() {
    [ -z "$resume" ] || begin || say "release $(current_version) did not start: journalctl -u redoubt.service says why"
    rm -rf "$work"
}

# After the switch: units, start, and a look; then it is done, or all of it is taken back.
arrive() {
    from=$root/opt/redoubt/releases/$new version=$new
    copy_units "$from"
    say "starting release $new"
    if ! begin; then
        say "release $new did not get well within $patience s: going back to $old"
        go_back
        fail "taken back: release $old serves again, with the data of before. journalctl -u redoubt.service says what was wrong with $new"
    fi
    cp "$proof" "$work/proof"
    place_signers
    mv "$state" "$before"
    sync "$root/opt/redoubt"
    tidy
    report "upgraded from $old" /etc/redoubt/upgrade.txt
    say "release $new serves. $copy has the data of before, for upgrade.sh --rollback; --discard deletes it"
}

# Only what this release and a way back to the one before need stays.
tidy() {
    kept_copy='' kept_release=''
    for file in "$state" "$before"; do
        [ ! -f "$file" ] || kept_copy=$(remembered "$file" copy) kept_release=$(remembered "$file" from)
    done
    for folder in "$data".before-*.*.*; do
        [ "$folder" = "$kept_copy" ] || rm -rf "$folder"
    done
    for folder in "$root"/opt/redoubt/releases/*; do
        case ${folder##*/} in "$(current_version)" | "$kept_release") ;; *) rm -rf "$folder" ;; esac
    done
}

# ---- The way back --------------------------------------------------------------------------------------------------

# go_back: the data of before first, then the release. In between the newer release would start with the older data, which
# it can read. The copy stays until the end, so that all of this can be done again.
go_back() {
    remember back
    stop
    draft=$data.returning
    copy_data "$copy" "$draft"
    "$root/opt/redoubt/releases/$old/redoubt" restore --snapshot "$draft" --leaving "$new" \
        --data "$data" --config "$configuration" >&2
    to_release_before
}

to_release_before() {
    point_current "$old"
    copy_units "$root/opt/redoubt/releases/$old"
    begin || fail "release $old did not start either: journalctl -u redoubt.service says why"
    rm -f "$before"
    rm -f "$state" "$proof"
    sync "$root/opt/redoubt"
    tidy
    say "release $old serves"
}

# there_is_a_way_back: and what it is.
there_is_a_way_back() {
    { [ -f "$before" ] && recall "$before" && [ "$(current_version)" = "$new" ]; } ||
        fail "no release before this one is kept, so there is nothing to go back to"
}

rollback() {
    there_is_a_way_back
    if [ -n "$keep_data" ]; then
        confirm "Go back from release $new to $old, with the data as they are?"
        stop
        resume=1
        in_root "/opt/redoubt/releases/$old/redoubt" restore --acknowledge-downgrade --config /etc/redoubt/redoubt.toml >&2 ||
            fail "release $old cannot go on with the data of $new; without --keep-data it gets those of before"
        resume=''
        to_release_before
    else
        confirm "Go back from release $new to $old, and to the data of before? What came since is set aside."
        go_back
    fi
}

discard() {
    there_is_a_way_back
    confirm "Delete release $old and $copy? There is no way back after that."
    rm "$before"
    tidy
    say "release $old and the data of before are gone"
}

# ---- What was interrupted ------------------------------------------------------------------------------------------

# What a run that was interrupted left behind is ended as it was begun.
end_interrupted() {
    rm -rf "$root/opt/redoubt/releases/.incoming" "$root/opt/redoubt/.current" "$data".*.part "$data.returning"
    if [ ! -f "$state" ]; then
        tidy
        return 0
    fi
    recall "$state"
    if [ "$(remembered "$state" way)" = back ]; then
        say "a way back from release $new to $old was interrupted: going on with it"
        go_back
    elif [ "$(current_version)" = "$new" ]; then
        say "an upgrade from release $old to $new was interrupted: going on with it"
        stop
        arrive
    else
        say "an upgrade to release $new was interrupted before anything was changed"
        rm "$state"
        begin || true
    fi
}

main() {
    root=/ from='' force='' yes='' no_start='' demanded='' deed=upgrade keep_data='' patience=60
    while [ $# -gt 0 ]; do
        case $1 in
            --fingerprint | --signers | --from | --root | --patience)
                [ $# -ge 2 ] || usage "$1 lacks a value"
                case $2 in *[[:space:]]*) usage "$1: a value without blanks, please" ;; esac
                ;;
        esac
        case $1 in
            --fingerprint | --signers) demanded="$demanded $1 $2"; shift ;;
            --from) from=$2; shift ;;
            --root) root=$2; shift ;;
            --patience) patience=$2; shift ;;
            --rollback) deed=rollback ;;
            --discard) deed=discard ;;
            --keep-data) keep_data=1 ;;
            --force) force=--force ;;
            --no-start) no_start=1 ;;
            --yes) yes=1 ;;
            *) usage "unknown: $1" ;;
        esac
        shift
    done
    case $patience in '' | *[!0-9]*) usage "--patience takes seconds" ;; esac
    [ -n "$from" ] || from=$here
    { [ -d "$from" ] && [ -d "$root" ]; } || usage "--from and --root are folders"
    from=$(cd "$from" && pwd) root=$(cd "$root" && pwd)
    if [ "$root" = / ]; then root=''; else no_start=1; fi
    data=$root/var/lib/redoubt configuration=$root/etc/redoubt/redoubt.toml
    state=$root/opt/redoubt/upgrading before=$root/opt/redoubt/before proof=$root/opt/redoubt/proof resume=''
    [ -n "$demanded" ] || demanded="--signers $root/etc/redoubt/release-signers"

    [ "$(id -u)" = 0 ] || fail "only root can do this: run it as root"
    [ -h "$root/opt/redoubt/current" ] || fail "no release is installed in ${root:-/}: install.sh installs one"
    exec 9>"$root/opt/redoubt/.lock"
    flock -n 9 || fail "another upgrade.sh is at work"
    work=$(mktemp -d)
    trap leave EXIT
    trap 'exit 1' HUP INT TERM
    cp "$here/verify.sh" "$work/verify.sh"
    if [ "$deed" = rollback ] && [ -f "$state" ]; then
        recall "$state"
        go_back
        return 0
    fi
    end_interrupted
    case $deed in
        upgrade) upgrade ;;
        rollback) rollback ;;
        discard) discard ;;
    esac
}

# All of it is read before any of it runs: the medium may change under a script that is read line by line.
main "$@"
exit
