#!/bin/sh
# Proves that a release of Redoubt is signed, whole and nothing else, before anything of it is used. Reads only, and
# needs nothing but ssh-keygen, sha256sum and the tools of POSIX.
#   verify.sh --fingerprint SHA256:... [--fingerprint SHA256:...] [--root DIR] [--force] [FOLDER]
#   verify.sh --signers FILE [--root DIR] [--force] [FOLDER]
# FOLDER is the release; without it, the folder of this script. Every key whose fingerprint is given must have signed,
# so two fingerprints on the paper mean two signatures. --signers names a file of keys that is trusted already, such as
# /etc/redoubt/release-signers, which an installation leaves. --root is where an earlier release may be installed; an older one
# than that is refused without --force.
# Exit status: 0 proved, 1 refused, 2 usage.
set -eu
LC_ALL=C
export LC_ALL
PATH=/usr/sbin:/usr/bin:/sbin:/bin
umask 077

namespace=release@redoubt
max_manifest=1048576

refuse() {
    printf 'verify: REFUSED: %s\n' "$*" >&2
    exit 1
}

usage() {
    printf 'verify: %s\n' "$*" >&2
    sed -n 's/^#   //p' "$0" >&2
    exit 2
}

# What foreign names look like in a message.
printable() { tr -c '\n\040-\176' '?'; }

# regular PATH MAX: a file, no link, of at most MAX bytes. A fifo would otherwise hold up whoever reads it.
regular() {
    { [ ! -h "$1" ] && [ -f "$1" ]; } || refuse "${1##*/} is missing or not a plain file"
    [ "$(wc -c <"$1")" -le "$2" ] || refuse "${1##*/} is longer than $2 bytes"
}

# older A B: version A comes before B. Versions are three numbers.
older() {
    [ "$1" != "$2" ] && [ "$(printf '%s\n%s\n' "$1" "$2" | sort -t . -k 1,1n -k 2,2n -k 3,3n | head -n 1)" = "$1" ]
}

# keys FILE: "type base64" of each Ed25519 key, without what else stands on its line: an option of a file that is not
# trusted yet must not count.
keys() {
    awk '{ for (i = 1; i < NF; i++) if ($i == "ssh-ed25519" || $i == "sk-ssh-ed25519@openssh.com") {
        print $i, $(i + 1); next } }' "$1" | sort -u
}

# fingerprint KEY: SHA256:... of "type base64".
fingerprint() {
    printf '%s\n' "$1" >"$work/key"
    ssh-keygen -l -E sha256 -f "$work/key" 2>/dev/null | cut -d ' ' -f 2
}

# signed KEY: one of the signatures is by this key.
signed() {
    printf '%s namespaces="%s" %s\n' "$namespace" "$namespace" "$1" >"$work/allowed"
    for signature in "$work"/MANIFEST.sig*; do
        ssh-keygen -Y verify -f "$work/allowed" -I "$namespace" -n "$namespace" -s "$signature" \
            <"$work/MANIFEST" >/dev/null 2>&1 && return
    done
    return 1
}

# Both signatures and the MANIFEST are copied first, so that what is read later is what was proved.
take_manifest() {
    regular "$folder/MANIFEST" "$max_manifest"
    regular "$folder/MANIFEST.sig" 8192
    cp "$folder/MANIFEST" "$folder/MANIFEST.sig" "$work/"
    if [ -e "$folder/MANIFEST.sig2" ] || [ -h "$folder/MANIFEST.sig2" ]; then
        regular "$folder/MANIFEST.sig2" 8192
        cp "$folder/MANIFEST.sig2" "$work/"
    fi
}

check_signatures() {
    if [ -n "$signers" ]; then
        regular "$signers" 65536
        keys "$signers" >"$work/keys"
        [ -s "$work/keys" ] || refuse "$signers has no Ed25519 key"
        while read -r key; do fingerprint "$key"; done <"$work/keys" >"$work/wanted"
    else
        regular "$folder/signers" 65536
        keys "$folder/signers" >"$work/keys"
    fi
    sort -u "$work/wanted" >"$work/demanded"
    while read -r wanted; do
        by=
        while read -r key; do
            [ "$(fingerprint "$key")" = "$wanted" ] && signed "$key" && by=$wanted
        done <"$work/keys"
        [ -n "$by" ] || refuse "no good signature by the key $wanted"
        printf 'signed by    %s\n' "$by"
    done <"$work/demanded"
}

# header NAME: the value of a line "# NAME VALUE".
header() { sed -n "s/^# $1 //p" "$work/MANIFEST"; }

check_header() {
    [ -z "$(tr -d '\n\040-\176' <"$work/MANIFEST" | head -c 1 | od -A n -t x1)" ] || refuse "MANIFEST is not plain text"
    [ "$(head -n 1 "$work/MANIFEST")" = "# redoubt release 1" ] || refuse "MANIFEST is not that of a release of Redoubt"
    version=$(header version)
    min_from=$(header min_from)
    for is in "$version" "$min_from"; do
        printf '%s\n' "$is" | awk 'NR > 1 || split($0, n, ".") != 3 { exit 1 }
            { for (i = 1; i <= 3; i++) if (n[i] !~ /^[0-9]+$/ || length(n[i]) > 6) exit 1 }' ||
            refuse "MANIFEST has no version of three numbers"
    done
}

# Every further line is a comment or "sum  name", each name is a plain one, and none is there twice, not even on a
# medium that takes capitals for small letters. Parts of a file that was split are numbered without a gap.
check_names() {
    awk '
        function bad(why) { print "line " NR ": " why; exit }
        /^#/ {
            if ($2 == "joined") {
                if (NF != 5 || length($3) != 64 || $3 ~ /[^0-9a-f]/ || $4 ~ /[^0-9]/) bad("joined what?")
                joined[$5] = 0
            }
            next
        }
        {
            name = substr($0, 67)
            if (length($1) != 64 || $1 ~ /[^0-9a-f]/ || substr($0, 65, 2) != "  " || name == "") bad("not a sum and a name")
            count = split(name, parts, "/")
            if (count > 8 || length(name) > 200 || name ~ /[^A-Za-z0-9._\/-]/) bad("a name that is refused")
            path = ""
            for (i = 1; i <= count; i++) {
                if (parts[i] !~ /^[A-Za-z0-9]/) bad("a name that is refused")
                path = path (i > 1 ? "/" : "") parts[i]
                small = tolower(path)
                if (small in spelt && spelt[small] != path) bad("two names that differ in capitals only")
                spelt[small] = path
            }
            if (name in listed) bad("a name that is there twice")
            listed[name] = 1
            if (name ~ /\.[0-9][0-9][0-9]$/) {
                whole = substr(name, 1, length(name) - 4)
                if (!(whole in joined)) bad("a part of nothing")
                if (substr(name, length(name) - 2) + 0 != joined[whole]++) bad("a part is missing")
            }
        }
        END { for (whole in joined) if (joined[whole] == 0 || whole in listed) bad("joined without parts") }
    ' "$work/MANIFEST" >"$work/fault"
    [ ! -s "$work/fault" ] || refuse "MANIFEST, $(head -n 1 "$work/fault")"
}

# What is there is what is listed: no link, no device, no odd name, nothing more and nothing less.
check_tree() {
    odd=$(cd "$folder" && find . ! -type d ! -type f | head -n 1 | printable)
    [ -z "$odd" ] || refuse "$odd is neither a file nor a folder"
    odd=$(cd "$folder" && find . ! -name . \( -name '[!A-Za-z0-9]*' -o -name '*[!A-Za-z0-9._-]*' \) | head -n 1 | printable)
    [ -z "$odd" ] || refuse "$odd is a name that is refused"
    {
        printf 'MANIFEST\nMANIFEST.sig\n'
        [ ! -f "$work/MANIFEST.sig2" ] || echo MANIFEST.sig2
        sed -e '/^#/d' -e 's/^.\{66\}//' "$work/MANIFEST"
    } | awk '{ print } { while (sub("/[^/]*$", "")) print }' | sort -u >"$work/listed"
    (cd "$folder" && find . ! -name .) | sed 's|^\./||' | sort >"$work/found"
    extra=$(comm -13 "$work/listed" "$work/found" | head -n 1)
    [ -z "$extra" ] || refuse "$extra is not in the MANIFEST"
    missing=$(comm -23 "$work/listed" "$work/found" | head -n 1)
    [ -z "$missing" ] || refuse "$missing is missing"
}

check_sums() {
    (cd "$folder" && sha256sum --check --strict --quiet "$work/MANIFEST") >"$work/differs" 2>/dev/null ||
        refuse "not what was signed: $(head -n 1 "$work/differs" | printable)"
}

# Nobody is led back to a release with faults that are known by now.
check_installed() {
    installed=none
    earlier=${root%/}/opt/redoubt/current/MANIFEST
    [ -f "$earlier" ] || return 0
    installed=$(sed -n 's/^# version //p' "$earlier")
    [ -n "$force" ] || ! older "$version" "$installed" ||
        refuse "version $version is older than $installed, which is installed (upgrade.sh --force takes it all the same)"
    older "$installed" "$min_from" && refuse "from $installed, go to a version before $version first: it takes $min_from or newer"
    return 0
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
signers='' root=/ folder='' force=''
: >"$work/wanted"
while [ $# -gt 0 ]; do
    case $1 in
        --fingerprint | --signers | --root)
            [ $# -ge 2 ] || usage "$1 lacks a value"
            case $1 in
                --fingerprint) printf '%s\n' "$2" >>"$work/wanted" ;;
                --signers) signers=$2 ;;
                --root) root=$2 ;;
            esac
            shift
            ;;
        --force) force=1 ;;
        -*) usage "unknown: $1" ;;
        *)
            [ -z "$folder" ] || usage "one folder, please"
            folder=$1
            ;;
    esac
    shift
done
[ -n "$folder" ] || folder=$(dirname "$0")
if [ -s "$work/wanted" ]; then
    [ -z "$signers" ] || usage "--fingerprint or --signers, not both"
    ! grep -q -v '^SHA256:[A-Za-z0-9+/]\{43\}$' "$work/wanted" || usage "a fingerprint is SHA256: and 43 characters"
else
    [ -n "$signers" ] || usage "who must have signed? The fingerprint is on the paper that came with the release"
fi
case $folder in /*) ;; *) folder=./$folder ;; esac
[ -d "$folder" ] || usage "$folder is not a folder"

take_manifest
check_signatures
check_header
check_names
check_tree
check_installed
check_sums
printf 'release      redoubt %s, from %s on (installed: %s)\n' "$version" "$min_from" "$installed"
printf 'MANIFEST     %s\n' "$(sha256sum <"$work/MANIFEST" | cut -c 1-64)"
printf 'files        %s, each as signed; nothing else is there\n' "$(grep -c -v '^#' "$work/MANIFEST")"
