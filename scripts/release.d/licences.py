"""Collects the licences of everything that is in the executable, one file a kind.

    licences.py ROOT FOLDER     writes FOLDER/rust.txt, FOLDER/webui.txt and FOLDER/c.txt

A text that several parts share stands there once, under the names of all of them. A part that brings no text is listed
with its SPDX expression alone.
"""

import re
import sys
from pathlib import Path

import components

TEXT = re.compile(r"(?i)^(licen[cs]e|copying|copyright|notice|unlicense)([-._].*)?$")
MAX_BYTES = 1 << 20
RULE = "=" * 100


def texts(folder: Path | None) -> list[str]:
    if folder is None or not folder.is_dir():
        return []
    files = sorted(path for path in folder.iterdir() if TEXT.match(path.name) and path.is_file())
    return [path.read_text(errors="replace").strip() for path in files if path.stat().st_size <= MAX_BYTES]


def collect(parts: list[dict]) -> str:
    parts = [part for part in parts if part["scope"] == "required"]
    names_by_text: dict[str, list[str]] = {}
    lines = []
    for part in parts:
        name = f"{part['name']} {part['version']}"
        found = texts(part["folder"])
        lines.append(f"{name}: {part['licence']}" + ("" if found else "  (brings no text)"))
        for text in found:
            names_by_text.setdefault(text, []).append(name)
    for text, names in names_by_text.items():
        lines += ["", RULE, ", ".join(names), RULE, "", text]
    return "\n".join(lines) + "\n"


def main() -> None:
    root, folder = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
    crates = components.cargo(root)
    own = {"redoubt-audit", "redoubt-engine", "redoubt-store"}
    (folder / "rust.txt").write_text(collect([crate for crate in crates if crate["name"] not in own]))
    (folder / "webui.txt").write_text(collect(components.npm(root)))
    (folder / "c.txt").write_text(collect(components.c_code(crates)))


if __name__ == "__main__":
    main()
