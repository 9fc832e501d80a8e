"""Runs both engines in turn, pairs their figures and writes the table. Called by scripts/bench, which says how."""
import argparse
import json
import os
import pathlib
import signal
import subprocess
import sys

import machine
import pairs
import report
import work

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TABLE = ROOT / "appliance/engine/BENCH.md"


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench", add_help=False)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--isa", choices=["native", "avx2"], default="native")
    parser.add_argument("--only", default="")
    parser.add_argument("--pairs", type=int, default=0)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    for path in ("--peer", "--executable", "--demo", "--files"):
        parser.add_argument(path, type=pathlib.Path)
    return parser.parse_args()


def main():
    asked = arguments()
    everything = work.everything(asked)
    if asked.list:
        for measurement in everything:
            print(f"{measurement.name:16} {measurement.work}")
        return
    chosen = choose(everything, asked)
    results = asked.files / f"results-{asked.isa}.json"
    known = json.loads(results.read_text()) if results.exists() else {"rows": {}}
    known["machine"] = machine.describe(asked)
    for measurement in chosen:
        say(f"{measurement.name}: {measurement.work}")
        count = asked.pairs or measurement.pairs[asked.quick]
        runs = pairs.run(measurement, count, lambda text: say(f"  {text}"))
        rows = pairs.rows(measurement, runs)
        known["rows"] |= rows
        known["machine"]["commit"] = machine.commit()
        # After every measurement: an hour's work must not be lost to the last one.
        results.write_text(json.dumps(known, indent=1))
        for row in rows.values():
            say("  " + report.line(row))
    ours = [json.loads(path.read_text()) for path in sorted(asked.files.glob("results-*.json"), reverse=True)]
    report.write(TABLE, ours, [figure.name for measurement in work.everything(asked, complete=True) for figure in measurement.figures])
    say(f"{TABLE.relative_to(ROOT)} is written")


def choose(everything, asked):
    names = [name for name in asked.only.split(",") if name]
    unknown = set(names) - {measurement.name for measurement in everything}
    if unknown:
        sys.exit(f"scripts/bench: no such row: {', '.join(sorted(unknown))}; --list names all")
    return [measurement for measurement in everything if not names or measurement.name in names]


def say(text):
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    # So that ending the script ends its servers, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
    except subprocess.CalledProcessError as error:
        sys.exit(f"scripts/bench: {' '.join(map(str, error.cmd))} ended with {error.returncode}\n{(error.stderr or '')[-2000:]}")
