# Steps that install.sh and upgrade.sh have in common: they read this file and call what they need. By itself it does
# nothing. It goes by what the script that reads it sets:
#   script  its name, for messages            root  the tree that is worked on (/ or empty: this machine)
#   work    a folder for the time being       from  the release: on its medium first, then its copy
# shellcheck shell=sh disable=SC2154 # set by whoever reads this file

# Kernel of the oldest distribution that we build on.
oldest_kernel=5.15

say() { printf '%s: %s\n' "$script" "$*" >&2; }
fail() {
    say "$*"
    exit 1
}
usage() {
    say "$*"
    sed -n 's/^#   //p' "$0" >&2
    exit 2
}

# in_root COMMAND ...: runs a command of the tree that is worked on.
in_root() {
    case $root in '' | /) "$@" ;; *) chroot "$root" "$@" ;; esac
}

# older A B: version A comes before B. Versions are numbers with points between them.
older() {
    [ "$1" != "$2" ] && [ "$(printf '%s\n%s\n' "$1" "$2" | sort -t . -k 1,1n -k 2,2n -k 3,3n | head -n 1)" = "$1" ]
}

# ---- What a machine must be ----------------------------------------------------------------------------------------

check_kernel() {
    [ "$(id -u)" = 0 ] || fail "only root can do this: run it as root"
    [ "$(uname -m)" = x86_64 ] || fail "this machine is $(uname -m); Redoubt is built for x86_64"
    kernel=$(uname -r | sed 's/^\([0-9]*\.[0-9]*\).*/\1/')
    ! older "$kernel" "$oldest_kernel" ||
        fail "the kernel is $(uname -r); it must be $oldest_kernel or newer, to lock the processes in"
}

# A clock that is behind the release makes certificates that nobody takes yet, and refuses right codes.
check_clock() {
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

# Parts of a model that was cut are joined one by one, so the largest part is there twice for a while.
check_space_for_release() {
    needed=$(du -s -k "$from" | cut -f 1)
    part=$(find "$from/models" -name '*.[0-9][0-9][0-9]' -exec du -k {} + | sort -n | tail -n 1 | cut -f 1)
    needed=$((needed + ${part:-0}))
    [ "$(free_at "$root/opt")" -ge "$needed" ] || fail "/opt has $(free_at "$root/opt") KiB free; the release needs $needed"
}

# ---- The release ---------------------------------------------------------------------------------------------------

# receive_release DEMANDS: copies the release without links, as root's and readable by all, and verifies it where it will
# stay. Whatever the medium showed the first time: this is what will be used, and all that is read from here on.
receive_release() {
    incoming=$root/opt/redoubt/releases/.incoming
    rm -rf "$incoming"
    mkdir -p "$incoming"
    cp -R "$from/." "$incoming/"
    sh "$work/verify.sh" "$@" --root "$root" "$incoming" >"$work/proof"
    from=$incoming
    # Of use on the medium only.
    rm -f "$from"/*.deb
    find "$from" -type d -exec chmod 755 {} + -o -type f -exec chmod 644 {} +
    chmod 755 "$from/redoubt"
    chown -R 0:0 "$from"
    version=$(sed -n 's/^# version //p' "$from/MANIFEST")
    join_models
}

# What was cut for the medium is joined, and must be what was cut.
join_models() {
    sed -n 's/^# joined //p' "$from/MANIFEST" | while read -r sum _ name; do
        for part in "$from/$name".[0-9][0-9][0-9]; do
            cat "$part" >>"$from/$name"
            rm "$part"
        done
        [ "$(sha256sum <"$from/$name" | cut -c 1-64)" = "$sum" ] || fail "$name, joined, is not what was cut"
    done
}

# Models live once, beside the releases, and nobody writes to them; the release goes under its version.
keep_release() {
    models=$root/opt/redoubt/models
    mkdir -p "$models"
    find "$from/models" -type f ! -name '*.toml' >"$work/models"
    while read -r model_path; do
        kept=$models/${model_path##*/}
        if [ -e "$kept" ]; then
            cmp -s "$model_path" "$kept" || fail "${kept##*/} is there already, and is another than the release's"
            rm "$model_path"
        else
            chmod 444 "$model_path"
            mv "$model_path" "$kept"
        fi
    done <"$work/models"
    sync -f "$from"
    rm -rf "$root/opt/redoubt/releases/$version"
    mv "$from" "$root/opt/redoubt/releases/$version"
    from=$root/opt/redoubt/releases/$version
}

# point_current VERSION: from this step on that release is the one that starts.
point_current() {
    ln -s -f -n "releases/$1" "$root/opt/redoubt/.current"
    mv -T "$root/opt/redoubt/.current" "$root/opt/redoubt/current"
    sync -f "$root/opt/redoubt"
}

# current_version: of the release that starts.
current_version() { basename "$(readlink "$root/opt/redoubt/current")"; }

# The keys that vouched for this release, which the next one is asked for.
place_signers() {
    while read -r line; do
        printf '%s\n' "$line" | awk '{ print $(NF - 1), $NF }' >"$work/key"
        fingerprint=$(ssh-keygen -l -E sha256 -f "$work/key" | cut -d ' ' -f 2)
        ! grep -q -F -x "signed by    $fingerprint" "$work/proof" || printf '%s\n' "$line"
    done <"$from/signers" >"$work/signers"
    put "$work/signers" "$root/etc/redoubt/release-signers"
}

# put FILE PATH: a copy takes PATH's place in one step.
put() {
    mkdir -p "$(dirname "$2")"
    cp "$1" "$2.new"
    mv "$2.new" "$2"
}

# ---- Units ---------------------------------------------------------------------------------------------------------

# unit_files RELEASE: lines "file-of-the-release path-below-root" of what systemd is told.
unit_files() {
    for file in sysusers.d/redoubt.conf tmpfiles.d/redoubt.conf; do
        printf '%s %s\n' "$1/systemd/$file" "etc/$file"
    done
    for unit in "$1"/systemd/*.service "$1"/systemd/*.socket "$1"/systemd/*.timer; do
        printf '%s %s\n' "$unit" "etc/systemd/system/${unit##*/}"
    done
}

# copy_units RELEASE
copy_units() {
    unit_files "$1" >"$work/units"
    while read -r file path; do put "$file" "$root/$path"; done <"$work/units"
}

apply_units() {
    in_root systemd-sysusers /etc/sysusers.d/redoubt.conf
    in_root systemd-tmpfiles --create /etc/tmpfiles.d/redoubt.conf
}

# ---- What is left on paper -----------------------------------------------------------------------------------------

# report WHAT FILE: what was done, and the fingerprints for the auditor.
report() {
    ca=$root/var/lib/redoubt/tls/ca.pem
    {
        printf 'Redoubt %s, %s %s on %s\n\n' "$version" "$1" "$(date -u +%FT%TZ)" "$(uname -n)"
        cat "$work/proof"
        printf 'executable   %s\n' "$(sha256sum <"$root/opt/redoubt/current/redoubt" | cut -c 1-64)"
        [ ! -f "$ca" ] || printf 'authority    %s (SHA-256 of tls/ca.pem, as browsers show it)\n' \
            "$(sed '/^-----/d' "$ca" | base64 -d | sha256sum | cut -c 1-64)"
        (cd "$root/opt/redoubt/models" && sha256sum -- *) | sed 's/^/model        /'
        [ -z "${listen:-}" ] || printf 'address      %s (%s)\n' "$listen" "$names"
        printf 'configuration /etc/redoubt/redoubt.toml %s\n' "$(sha256sum <"$root/etc/redoubt/redoubt.toml" | cut -c 1-64)"
        printf '\nThe fingerprints above are those on the paper that came with the release:\n\n'
        printf 'Auditor ______________________________   Date ______________\n'
    } >"$work/report"
    put "$work/report" "$root$2"
    say "done. The report for the auditor to sign is $2:"
    cat "$work/report" >&2
}
