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

# Kernel of the oldest distribution that we build on, and what the appliance itself needs beside its model, in KiB.
oldest_kernel=5.15
data_space=1048576
memory_beside_model=2097152

say() { printf '%s\n' "$*" >&2; }
fail() {
    printf 'install: %s\n' "$*" >&2
    exit 1
}
usage() {
    printf 'install: %s\n' "$*" >&2
    sed -n 's/^#   //p' "$0" >&2
    exit 2
}

# What was made, newest first, and is removed if the rest fails.
made=''
# shellcheck disable=SC2317 # the trap calls it
undo() {
    rm -rf "$work"
    [ -n "$made" ] || return 0
    printf '%s' "$made" | while read -r path; do rm -rf -- "${root:?}/$path"; done
    say "install: what was made is gone again"
}
# making PATH: said before PATH is made. What is there already is nobody's to remove.
making() {
    { [ ! -e "$root/$1" ] && [ ! -h "$root/$1" ]; } || fail "${root%/}/$1 is there already; nothing of Redoubt should be"
    made="$1
$made"
}

# in_root COMMAND ...: runs a command of the tree that is installed into.
in_root() {
    if [ "$root" = / ]; then "$@"; else chroot "$root" "$@"; fi
}

# ---- What this machine must be -------------------------------------------------------------------------------------

older() { [ "$1" != "$2" ] && [ "$(printf '%s\n%s\n' "$1" "$2" | sort -t . -k 1,1n -k 2,2n | head -n 1)" = "$1" ]; }

check_machine() {
    [ "$(id -u)" = 0 ] || fail "only root can install: run it as root"
    [ "$(uname -m)" = x86_64 ] || fail "this machine is $(uname -m); Redoubt is built for x86_64"
    kernel=$(uname -r | sed 's/^\([0-9]*\.[0-9]*\).*/\1/')
    older "$kernel" "$oldest_kernel" && fail "the kernel is $(uname -r); it must be $oldest_kernel or newer, to lock the processes in"
    for tool in systemd-sysusers systemd-tmpfiles; do
        in_root sh -c "command -v $tool" >/dev/null || fail "$tool is missing: Redoubt is a service of systemd"
    done
    in_root test -e /proc/self/exe || fail "mount /proc in $root first"
    grep -q -w avx2 /proc/cpuinfo || say "install: note: this processor has no AVX2, so answers will be slow"
    [ ! -e "$root/opt/redoubt" ] || fail "Redoubt, or a part of it, is in ${root%/}/opt/redoubt already; uninstall.sh --data keep removes it"
    [ ! -e "$root/var/lib/redoubt/redoubt.db" ] || [ -e "$root/etc/redoubt/store.key" ] ||
        fail "${root%/}/var/lib/redoubt holds a store without its key in /etc/redoubt/store.key; put the key back, or the store away"
    # A clock that is behind the release makes certificates that nobody takes yet, and refuses right codes.
    built=$(sed -n 's/^# built //p' "$from/MANIFEST")
    [ "$(date -u +%Y%m%d)" -ge "$(printf %s "$built" | tr -d -)" ] ||
        fail "the clock says $(date -u +%F), but this release was made on $built: set the clock"
}

# free_at PATH: KiB that are free where PATH will be.
free_at() {
    path=$1
    while [ ! -d "$path" ]; do path=$(dirname "$path"); done
    df -P -k "$path" | awk 'NR == 2 { print $4 }'
}

check_space() {
    # Parts of a model that was cut are joined one by one, so the largest part is there twice for a while.
    needed=$(du -s -k "$from" | cut -f 1)
    part=$(find "$from/models" -name '*.[0-9][0-9][0-9]' -exec du -k {} + | sort -n | tail -n 1 | cut -f 1)
    needed=$((needed + ${part:-0}))
    [ "$(free_at "$root/opt")" -ge "$needed" ] || fail "/opt has $(free_at "$root/opt") KiB free; the release needs $needed"
    [ "$(free_at "$root/var/lib")" -ge "$data_space" ] ||
        fail "/var/lib has $(free_at "$root/var/lib") KiB free; chats and records need $data_space to begin with"
    model_size=$(sed -n 's/^size = //p' "$from/models/$model.toml")
    memory=$(awk '$1 == "MemTotal:" { print $2 }' /proc/meminfo)
    [ "$memory" -ge $((model_size / 1024 + memory_beside_model)) ] ||
        say "install: note: $memory KiB of memory is little for $model; lower models.cache_memory, or take a smaller model"
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

# The release, without links, as root's and readable by all; verified where it will stay.
place_release() {
    releases=opt/redoubt/releases
    incoming=$releases/.incoming
    making opt/redoubt
    mkdir -p "$root/$incoming"
    cp -R "$from/." "$root/$incoming/"
    # Whatever the stick showed the first time: this is what will be used, and all that is read from here on.
    sh "$work/verify.sh" "$@" --root "$root" "$root/$incoming" >"$work/proof"
    from=$root/$incoming
    find "$from" -type d -exec chmod 755 {} + -o -type f -exec chmod 644 {} +
    chmod 755 "$from/redoubt"
    chown -R 0:0 "$from"
    version=$(sed -n 's/^# version //p' "$from/MANIFEST")
    place_models
    mv "$from" "$root/$releases/$version"
    from=$root/$releases/$version
    ln -s "releases/$version" "$root/opt/redoubt/.current"
    mv -T "$root/opt/redoubt/.current" "$root/opt/redoubt/current"
}

# Models live once, beside the releases. What was cut for the stick is joined, and must be what was cut.
place_models() {
    mkdir -p "$root/opt/redoubt/models"
    sed -n 's/^# joined //p' "$from/MANIFEST" | while read -r sum _ name; do
        for part in "$from/$name".[0-9][0-9][0-9]; do
            cat "$part" >>"$from/$name"
            rm "$part"
        done
        [ "$(sha256sum <"$from/$name" | cut -c 1-64)" = "$sum" ] || fail "$name, joined, is not what was cut"
    done
    find "$from/models" -type f ! -name '*.toml' -exec mv {} "$root/opt/redoubt/models/" \;
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

# The keys that vouched for this release, which the next one is asked for.
place_signers() {
    while read -r line; do
        printf '%s\n' "$line" | awk '{ print $(NF - 1), $NF }' >"$work/key"
        fingerprint=$(ssh-keygen -l -E sha256 -f "$work/key" | cut -d ' ' -f 2)
        ! grep -q -F -x "signed by    $fingerprint" "$work/proof" || printf '%s\n' "$line"
    done <"$from/signers" >"$root/etc/redoubt/release-signers"
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
    units=$from/systemd
    for file in sysusers.d/redoubt.conf tmpfiles.d/redoubt.conf; do
        making "etc/$file"
        mkdir -p "$root/etc/${file%/*}"
        cp "$units/$file" "$root/etc/$file"
    done
    for unit in "$units"/*.service "$units"/*.socket "$units"/*.timer; do
        making "etc/systemd/system/${unit##*/}"
        cp "$unit" "$root/etc/systemd/system/"
    done
    if [ "$listen" != 0.0.0.0:8443 ]; then
        making etc/systemd/system/redoubt.socket.d
        mkdir -p "$root/etc/systemd/system/redoubt.socket.d"
        printf '[Socket]\nListenStream=\nListenStream=%s\n' "$listen" >"$root/etc/systemd/system/redoubt.socket.d/address.conf"
    fi
    in_root systemd-sysusers /etc/sysusers.d/redoubt.conf
    in_root systemd-tmpfiles --create /etc/tmpfiles.d/redoubt.conf
    making usr/local/bin/redoubt
    mkdir -p "$root/usr/local/bin"
    ln -s /opt/redoubt/current/redoubt "$root/usr/local/bin/redoubt"
}

# Keys, store and first admin; prints each secret once. From here on nothing is taken back: it would take keys along.
make_store() {
    made=''
    if [ -e "$root/var/lib/redoubt/redoubt.db" ]; then
        say "install: the store of an earlier installation is there and stays"
    elif [ -n "$root_key" ]; then
        in_root /opt/redoubt/current/redoubt init --data /var/lib/redoubt --config /etc/redoubt/redoubt.toml --root-key "$root_key"
    else
        in_root /opt/redoubt/current/redoubt init --data /var/lib/redoubt --config /etc/redoubt/redoubt.toml
    fi || {
        say "install: the store was not made; uninstall.sh --data shred removes what is there"
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
    say "install: starting; a new model is read once from beginning to end"
    # It returns when the appliance reports that it serves.
    systemctl start redoubt.socket redoubt.service || fail "it did not start: journalctl -u redoubt.service says why"
    /opt/redoubt/current/redoubt check --config /etc/redoubt/redoubt.toml >&2 || say "install: what failed above needs you"
}

# ---- What is left on paper -----------------------------------------------------------------------------------------

report() {
    ca=$root/var/lib/redoubt/tls/ca.pem
    {
        printf 'Redoubt %s, installed %s on %s\n\n' "$version" "$(date -u +%FT%TZ)" "$(uname -n)"
        cat "$work/proof"
        printf 'executable   %s\n' "$(sha256sum <"$root/opt/redoubt/current/redoubt" | cut -c 1-64)"
        [ ! -f "$ca" ] || printf 'authority    %s (SHA-256 of tls/ca.pem, as browsers show it)\n' \
            "$(sed '/^-----/d' "$ca" | base64 -d | sha256sum | cut -c 1-64)"
        (cd "$root/opt/redoubt/models" && sha256sum -- *) | sed 's/^/model        /'
        printf 'address      %s (%s)\n' "$listen" "$names"
        printf 'configuration /etc/redoubt/redoubt.toml %s\n' "$(sha256sum <"$root/etc/redoubt/redoubt.toml" | cut -c 1-64)"
        printf '\nThe fingerprints above are those on the paper that came with the release:\n\n'
        printf 'Auditor ______________________________   Date ______________\n'
    } >"$root/etc/redoubt/installation.txt"
    say "install: done. The report for the auditor to sign is /etc/redoubt/installation.txt:"
    cat "$root/etc/redoubt/installation.txt" >&2
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
    report
}

# All of it is read before any of it runs: the medium may change under a script that is read line by line.
main "$@"
exit
