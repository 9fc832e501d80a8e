#!/bin/sh
# Installs Redoubt from a release that was verified, on this machine or into a tree of one.
#   install.sh (--fingerprint SHA256:... [--fingerprint SHA256:...] | --signers FILE) [options]
# The release is verified, copied, and the copy verified again; until then nothing is written outside one new folder,
# which goes again if anything is wrong. No network, no packages. Options:
#   --answers FILE   lines "question=answer" instead of questions: listen, names, marking, model, root_key
#   --from FOLDER    the release (default: the folder of this script)
#   --root DIR       the tree to install into (default /); in another than / nothing is started
#   --no-start       enable the service, do not start it
#   --yes            do not ask whether to go on
# Exit status: 0 installed, 1 refused or failed (everything it made is gone again, unless it says otherwise), 2 usage.
set -eu
LC_ALL=C
export LC_ALL
PATH=/usr/sbin:/usr/bin:/sbin:/bin
umask 022

# shellcheck source-path=SCRIPTDIR source=steps.sh
. "$(dirname "$0")/steps.sh"
script=install
# What the appliance needs for its data to begin with, and beside its model, in KiB.
data_space=1048576
memory_beside_model=2097152

# What was made, newest first, and is removed if the rest fails.
made=''
# shellcheck disable=SC2317 # the trap calls it
undo() {
    rm -rf "$work"
    [ -n "$made" ] || return 0
    printf '%s' "$made" | while read -r path; do rm -rf -- "${root:?}/$path"; done
    say "what was made is gone again"
}
# making PATH: said before PATH is made. What is there already is nobody's to remove.
making() {
    { [ ! -e "$root/$1" ] && [ ! -h "$root/$1" ]; } || fail "${root%/}/$1 is there already; nothing of Redoubt should be"
    made="$1
$made"
}

# ---- What this machine must be -------------------------------------------------------------------------------------

check_machine() {
    check_kernel
    for tool in systemd-sysusers systemd-tmpfiles; do
        in_root sh -c "command -v $tool" >/dev/null || fail "$tool is missing: Redoubt is a service of systemd"
    done
    in_root test -e /proc/self/exe || fail "mount /proc in $root first"
    grep -q -w avx2 /proc/cpuinfo || say "note: this processor has no AVX2, so answers will be slow"
    [ ! -e "$root/usr/bin/redoubt" ] || fail "the Debian package redoubt is installed: apt remove redoubt removes it and leaves the data"
    [ ! -e "$root/opt/redoubt" ] || fail "Redoubt, or a part of it, is in ${root%/}/opt/redoubt already; uninstall.sh --data keep removes it"
    [ ! -e "$root/var/lib/redoubt/redoubt.db" ] || [ -e "$root/etc/redoubt/store.key" ] ||
        fail "${root%/}/var/lib/redoubt holds a store without its key in /etc/redoubt/store.key; put the key back, or the store away"
    check_clock
}

check_space() {
    check_space_for_release
    [ "$(free_at "$root/var/lib")" -ge "$data_space" ] ||
        fail "/var/lib has $(free_at "$root/var/lib") KiB free; chats and records need $data_space to begin with"
    model_size=$(sed -n 's/^size = //p' "$from/models/$model.toml")
    memory=$(awk '$1 == "MemTotal:" { print $2 }' /proc/meminfo)
    [ "$memory" -ge $((model_size / 1024 + memory_beside_model)) ] ||
        say "note: $memory KiB of memory is little for $model; lower models.cache_memory, or take a smaller model"
}

# ---- What the operator decides -------------------------------------------------------------------------------------

# ask KEY TEXT DEFAULT: the answer to a question, out of the file of answers if there is one.
ask() {
    if [ -n "$answers" ]; then
        answer=$(sed -n "s/^$1=//p" "$answers" | head -n 1)
    elif [ -t 0 ]; then
        printf '%s [%s]: ' "$2" "$3" >&2
        read -r answer
    else
        answer=''
    fi
    [ -n "$answer" ] || answer=$3
    # It goes into a TOML file between quotation marks.
    case $answer in *[\"\\]*) fail "$1: an answer cannot hold quotation marks or backslashes" ;; esac
    printf '%s\n' "$answer" | awk '/[[:cntrl:]]/ || NR > 1 { exit 1 }' || fail "$1: an answer is one line of text"
    printf '%s' "$answer"
}

# manifests KIND: ids of the chat or embedding models on the stick, that is the names of their manifests.
manifests() {
    for manifest in "$from"/models/*.toml; do
        kind=chat
        ! grep -q '^\[embedding\]' "$manifest" || kind=embedding
        [ "$kind" != "$1" ] || basename "$manifest" .toml
    done
}

ask_all() {
    [ -z "$answers" ] || [ -f "$answers" ] || fail "$answers is not a file"
    [ -z "$answers" ] || ! grep -q -v -E '^(#|$|(listen|names|marking|model|root_key)=)' "$answers" ||
        fail "$answers: only listen, names, marking, model and root_key can be answered"
    listen=$(ask listen "Address and port that people reach it at" 0.0.0.0:8443)
    printf '%s\n' "$listen" | grep -q -E '^([0-9.]+|\[[0-9A-Fa-f:]+\]):[0-9]+$' || fail "listen: $listen is not an address and port like 0.0.0.0:8443"
    names=$(ask names "Its names on the network, for the certificate" "$(uname -n)")
    names=$(printf '%s' "$names" | tr ',' ' ')
    printf '%s\n' "$names" | grep -q -E '^[A-Za-z0-9. :-]+$' || fail "names: $names are not names"
    marking=$(ask marking "Classification marking of every page (empty: none)" "")
    model=$(ask model "Model: $(manifests chat | tr '\n' ' ')" "$(manifests chat | head -n 1)")
    manifests chat | grep -q -F -x -- "$model" || fail "model: $model is not on the stick"
    root_key=$(ask root_key "Where to write the private key of the audit log's root (a path on a medium that leaves; empty: shown once)" "")
    case $root_key in '' | /*) ;; *) fail "root_key: $root_key is not an absolute path" ;; esac
}

confirm() {
    [ -t 0 ] && [ -z "$yes" ] && [ -z "$answers" ] || return 0
    printf 'Install Redoubt at %s as %s, with %s? [yes/no]: ' "$listen" "$names" "$model" >&2
    read -r answer
    [ "$answer" = yes ] || fail "nothing was changed"
}

# ---- What is written -----------------------------------------------------------------------------------------------

place_release() {
    making opt/redoubt
    receive_release "$@"
    keep_release
    point_current "$version"
}

# set_key SECTION KEY VALUE: a line of the configuration, in place of its default.
set_key() {
    awk -v section="[$1]" -v key="$2" -v value="$3" '
        /^\[/ { inside = ($0 == section) }
        inside && !done && ($0 ~ "^(# )?" key " = ") { print key " = " value; done = 1; next }
        { print }
        END { if (!done) exit 1 }' "$configuration" >"$configuration.new" || fail "the configuration has no $1.$2"
    mv "$configuration.new" "$configuration"
}

model_file() { sed -n 's/^file = "\(.*\)"$/\1/p' "$from/models/$1.toml"; }

place_configuration() {
    [ -d "$root/etc/redoubt" ] || making etc/redoubt
    mkdir -p "$root/etc/redoubt"
    place_signers
    configuration=$root/etc/redoubt/redoubt.toml
    # That of an earlier installation, whose data was kept, stays.
    [ ! -e "$configuration" ] || return 0
    cp "$from/redoubt.toml" "$configuration"
    set_key listen address "\"$listen\""
    set_key listen names "[$(printf '%s' "$names" | tr -s ' ' '\n' | sed 's/.*/"&"/' | paste -s -d , - | sed 's/,/, /g')]"
    set_key models file "\"/opt/redoubt/models/$(model_file "$model")\""
    set_key marking text "\"$marking\""
    embedding=$(manifests embedding | head -n 1)
    [ -z "$embedding" ] || set_key models embedding "\"/opt/redoubt/models/$(model_file "$embedding")\""
}

place_units() {
    unit_files "$from" >"$work/units"
    while read -r _ path; do making "$path"; done <"$work/units"
    copy_units "$from"
    if [ "$listen" != 0.0.0.0:8443 ]; then
        making etc/systemd/system/redoubt.socket.d
        mkdir -p "$root/etc/systemd/system/redoubt.socket.d"
        printf '[Socket]\nListenStream=\nListenStream=%s\n' "$listen" >"$root/etc/systemd/system/redoubt.socket.d/address.conf"
    fi
    apply_units
    making usr/local/bin/redoubt
    mkdir -p "$root/usr/local/bin"
    ln -s /opt/redoubt/current/redoubt "$root/usr/local/bin/redoubt"
}

# Keys, store and first admin; prints each secret once. From here on nothing is taken back: it would take keys along.
make_store() {
    made=''
    if [ -e "$root/var/lib/redoubt/redoubt.db" ]; then
        say "the store of an earlier installation is there and stays"
    elif [ -n "$root_key" ]; then
        in_root /opt/redoubt/current/redoubt init --data /var/lib/redoubt --config /etc/redoubt/redoubt.toml --root-key "$root_key"
    else
        in_root /opt/redoubt/current/redoubt init --data /var/lib/redoubt --config /etc/redoubt/redoubt.toml
    fi || {
        say "the store was not made; uninstall.sh --data shred removes what is there"
        exit 1
    }
    in_root chown -R redoubt:redoubt /var/lib/redoubt
    chown 0:0 "$root/etc/redoubt/store.key"
    chmod 400 "$root/etc/redoubt/store.key"
}

start() {
    in_root systemctl --quiet enable redoubt.socket redoubt.service
    [ -n "$no_start" ] && return
    systemctl daemon-reload
    say "starting; a new model is read once from beginning to end"
    # It returns when the appliance reports that it serves.
    systemctl start redoubt.socket redoubt.service || fail "it did not start: journalctl -u redoubt.service says why"
    /opt/redoubt/current/redoubt check --config /etc/redoubt/redoubt.toml >&2 || say "what failed above needs you"
}

main() {
    root=/ from='' answers='' no_start='' yes='' demanded=''
    while [ $# -gt 0 ]; do
        case $1 in
            --fingerprint | --signers | --answers | --from | --root)
                [ $# -ge 2 ] || usage "$1 lacks a value"
                case $2 in *[[:space:]]*) usage "$1: a value without blanks, please" ;; esac
                ;;
        esac
        case $1 in
            --fingerprint | --signers) demanded="$demanded $1 $2"; shift ;;
            --answers) answers=$2; shift ;;
            --from) from=$2; shift ;;
            --root) root=$2; shift ;;
            --no-start) no_start=1 ;;
            --yes) yes=1 ;;
            *) usage "unknown: $1" ;;
        esac
        shift
    done
    [ -n "$demanded" ] || usage "who must have signed? The fingerprint is on the paper that came with the release"
    [ -n "$from" ] || from=$(dirname "$0")
    { [ -d "$from" ] && [ -d "$root" ]; } || usage "--from and --root are folders"
    from=$(cd "$from" && pwd) root=$(cd "$root" && pwd)
    [ "$root" = / ] || no_start=1

    work=$(mktemp -d)
    trap undo EXIT
    trap 'exit 1' HUP INT TERM
    cp "$(dirname "$0")/verify.sh" "$work/verify.sh"
    # shellcheck disable=SC2086 # options, and none of them has a blank
    sh "$work/verify.sh" $demanded --root "$root" "$from" >"$work/proof"
    cat "$work/proof" >&2
    check_machine
    ask_all
    check_space
    confirm
    # shellcheck disable=SC2086
    place_release $demanded
    place_configuration
    place_units
    make_store
    start
    report "installed" /etc/redoubt/installation.txt
}

# All of it is read before any of it runs: the medium may change under a script that is read line by line.
main "$@"
exit
