"""What a release consists of: crates, packages of the web interface, and the C code that comes with neither.

Each component is a dict: kind ("cargo", "npm" or "c"), name, version, licence (an SPDX expression), scope ("required"
where it is in the executable, "excluded" where it only builds it), purl, sums ({algorithm: hex}), and folder, where its
own files are (None where it has none here).
"""

import base64
import json
import platform
import re
import subprocess
import tomllib
from pathlib import Path

TARGET = "x86_64-unknown-linux-gnu"
# Svelte's run-time part is bundled into the page, although it is installed like a tool.
BUNDLED_TOOLS = {"svelte"}


def cargo(root: Path) -> list[dict]:
    """Crates of the executable, as Cargo.lock resolves them for its target."""
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", TARGET]
    metadata = json.loads(subprocess.run(command, cwd=root, check=True, capture_output=True).stdout)
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    start = next(package["id"] for package in metadata["packages"] if package["name"] == "redoubt")
    linked = reached(start, nodes, {None})
    built = reached(start, nodes, {None, "build"})
    lock = tomllib.loads((root / "Cargo.lock").read_text())
    sums = {(package["name"], package["version"]): package.get("checksum") for package in lock["package"]}
    components = []
    for identity in built - {start}:
        package = packages[identity]
        name, version = package["name"], package["version"]
        components.append(
            {
                "kind": "cargo",
                "name": name,
                "version": version,
                # Old manifests write "MIT/Apache-2.0".
                "licence": re.sub(r"\s*/\s*", " OR ", package["license"] or "NOASSERTION"),
                "scope": "required" if identity in linked else "excluded",
                "purl": f"pkg:cargo/{name}@{version}",
                "sums": {"SHA-256": sum_} if (sum_ := sums[name, version]) else {},
                "folder": Path(package["manifest_path"]).parent,
            }
        )
    return sorted(components, key=lambda component: (component["name"], component["version"]))


def reached(start: str, nodes: dict, kinds: set) -> set[str]:
    """Ids that `start` depends on by dependencies of these kinds; itself, too. What only tests need is never among them."""
    seen, waiting = set(), [start]
    while waiting:
        identity = waiting.pop()
        if identity in seen:
            continue
        seen.add(identity)
        for dependency in nodes[identity]["deps"]:
            if any(kind["kind"] in kinds for kind in dependency["dep_kinds"]):
                waiting.append(dependency["pkg"])
    return seen


def npm(root: Path) -> list[dict]:
    """Packages of the web interface, as package-lock.json names them."""
    lock = json.loads((root / "webui/package-lock.json").read_text())["packages"]
    bundled = bundled_paths(lock)
    components = []
    for path, package in lock.items():
        if not path or package.get("link"):
            continue
        name = path.rsplit("node_modules/", 1)[1]
        version = package["version"]
        algorithm, _, digest = package.get("integrity", "").partition("-")
        components.append(
            {
                "kind": "npm",
                "name": name,
                "version": version,
                "licence": package.get("license", "NOASSERTION"),
                "scope": "required" if path in bundled else "excluded",
                "purl": f"pkg:npm/{name.replace('@', '%40')}@{version}",
                "sums": {algorithm.replace("sha", "SHA-"): base64.b64decode(digest).hex()} if digest else {},
                "folder": root / "webui" / path,
            }
        )
    return sorted(components, key=lambda component: (component["name"], component["version"], str(component["folder"])))


def bundled_paths(lock: dict) -> set[str]:
    """Paths in node_modules of what the page may contain: dependencies, and the tools that bring a run-time part."""
    paths = {path for path, package in lock.items() if path and not package.get("dev")}
    waiting = [f"node_modules/{name}" for name in BUNDLED_TOOLS]
    while waiting:
        path = waiting.pop()
        if path in paths or path not in lock:
            continue
        paths.add(path)
        for name in lock[path].get("dependencies", {}):
            nested = f"{path}/node_modules/{name}"
            waiting.append(nested if nested in lock else f"node_modules/{name}")
    return paths


def c_code(crates: list[dict]) -> list[dict]:
    """C that is compiled into crates or linked beside them, with the versions that its own sources state."""
    by_name = {crate["name"]: crate for crate in crates}
    openssl, sqlite, ring = by_name["openssl-src"], by_name["libsqlite3-sys"], by_name["ring"]
    amalgamation = (sqlite["folder"] / "sqlcipher/sqlite3.c").read_text(errors="replace")
    stated = lambda name: re.search(rf'#define {name} +"?([0-9.]+)', amalgamation)[1]  # noqa: E731
    libc = platform.libc_ver()[1]
    return [
        c("OpenSSL", openssl["version"].split("+")[1], "Apache-2.0", openssl["folder"]),
        c("SQLite", stated("SQLITE_VERSION"), "blessing", None),
        c("SQLCipher", stated("CIPHER_VERSION_NUMBER"), "BSD-3-Clause", sqlite["folder"] / "sqlcipher"),
        c("ring (C and assembly, from BoringSSL)", ring["version"], "Apache-2.0 AND ISC", ring["folder"]),
        c("glibc (static)", libc, "LGPL-2.1-or-later", Path("/usr/share/doc/libc6")),
    ]


def c(name: str, version: str, licence: str, folder: Path | None) -> dict:
    purl = f"pkg:generic/{name.split(' ')[0].lower()}@{version}"
    return dict(kind="c", name=name, version=version, licence=licence, scope="required", purl=purl, sums={}, folder=folder)
