"""Writes the two bills of materials of a release, in CycloneDX 1.6 (https://cyclonedx.org/docs/1.6/json/).

    sbom.py ROOT VERSION EPOCH FOLDER     writes FOLDER/redoubt.cdx.json and FOLDER/webui.cdx.json

From the lock files, with their sums, and nothing else: the same sources give the same bytes, whatever the machine.
cargo-cyclonedx would take minutes to build and be one more program to trust; it knows of no C code.
"""

import json
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path

import components


def bill(name: str, version: str, epoch: int, parts: list[dict]) -> str:
    entries = [entry(part) for part in parts]
    # A bill's number says what it lists, so that the same list has the same number.
    number = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps([name, version, entries], sort_keys=True))
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{number}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": {
                "type": "application",
                "bom-ref": name,
                "name": name,
                "version": version,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            },
        },
        "components": entries,
    }
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


def entry(part: dict) -> dict:
    reference = part["purl"]
    if part["kind"] == "npm":
        # One package may be there twice, at two places.
        reference += "#" + part["folder"].as_posix().split("/webui/", 1)[1]
    result = {
        "type": "library",
        "bom-ref": reference,
        "name": part["name"],
        "version": part["version"],
        "scope": part["scope"],
        "purl": part["purl"],
        "licenses": [{"expression": part["licence"]}],
    }
    if part["sums"]:
        result["hashes"] = [{"alg": name, "content": sum_} for name, sum_ in part["sums"].items()]
    return result


def main() -> None:
    root, version, epoch, folder = Path(sys.argv[1]).resolve(), sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])
    crates = components.cargo(root)
    (folder / "redoubt.cdx.json").write_text(bill("redoubt", version, epoch, crates + components.c_code(crates)))
    (folder / "webui.cdx.json").write_text(bill("redoubt-webui", version, epoch, components.npm(root)))


if __name__ == "__main__":
    main()
