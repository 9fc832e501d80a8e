"""The table of appliance/engine/BENCH.md, between two marks; what stands around them is written by hand."""

BEGIN = "<!-- scripts/bench writes what follows, up to the closing mark. -->"
END = "<!-- the end of what scripts/bench writes -->"
ISA = {"native": "All instructions of the processor", "avx2": "AVX2 only, on both sides"}
HEAD = "| work | llama.cpp | Redoubt | ratio (from – to) | floor | aim | reached |\n|---|--:|--:|--:|--:|--:|---|\n"


def write(path, results, order):
    text = path.read_text() if path.exists() else f"# Measured\n\n{BEGIN}\n{END}\n"
    before, rest = text.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    sections = "\n".join(section(result, order) for result in results)
    path.write_text(f"{before}{BEGIN}\n\n{sections}\n{END}{after}")


def section(result, order):
    machine, rows = result["machine"], result["rows"]
    lines = "".join(table_row(rows[name]) for name in order if name in rows)
    return f"## {ISA[machine['isa']]}\n\n{about(machine)}\n{HEAD}{lines}"


def about(machine):
    speed = machine["bandwidth"]
    return (
        f"- Machine: {machine['cpu']}; {machine['memory_gb']} GB of memory; {machine['threads']} threads for both engines.\n"
        f"- Reading: {speed['one_thread']:.1f} GB/s from memory by one thread, {speed['all_threads']:.1f} GB/s by all; "
        f"{speed['weights_sized']:.1f} GB/s where it is no more than the demo model's weights.\n"
        f"- Peer: {machine['peer']}.\n"
        f"- Redoubt: {machine['commit']}.\n"
    )


def table_row(row):
    share = f" ({100 * row['share']:.0f} % of the bandwidth)" if row.get("share") else ""
    theirs = f"{number(row['theirs'])} {row['unit']} ({row['setting']})" if "theirs" in row else "–"
    ratio = f"**{row['median_ratio']:.2f}** ({row['ratios'][0]:.2f} – {row['ratios'][-1]:.2f})" if "ratios" in row else "–"
    goals = [goal(row, name) for name in ("floor", "aim")]
    return f"| {row['work']}{pairs(row)} | {theirs} | {number(row['ours'])} {row['unit']}{share} | {ratio} | {goals[0]} | {goals[1]} | {reached(row)} |\n"


def pairs(row):
    return f" <sub>{row['pairs']} pairs, {row['date']}</sub>"


def goal(row, name):
    if row[name] is None:
        return "–"
    return f"{row[name]:g} ×" if row["ratio"] else f"{row[name]:g} {row['unit']}"


def reached(row):
    if row["floor"] is None:
        return "–"
    found = row["median_ratio"] if row["ratio"] else row["ours"]
    # A ratio always says how many times better we are; an absolute figure may be better when it is smaller.
    meets = (lambda goal: found >= goal) if row["ratio"] or row["more_is_better"] else (lambda goal: found <= goal)
    return "aim" if meets(row["aim"]) else "floor" if meets(row["floor"]) else "**no**"


def line(row):
    """A row for the terminal."""
    ratio = f", ratio {row['median_ratio']:.2f} ({row['ratios'][0]:.2f} to {row['ratios'][-1]:.2f})" if "ratios" in row else ""
    theirs = f"llama.cpp {number(row['theirs'])}, " if "theirs" in row else ""
    return f"{row['work']}: {theirs}Redoubt {number(row['ours'])} {row['unit']}{ratio}; reached: {reached(row).strip('*')}"


def number(value):
    return f"{value:.3g}" if value < 100 else f"{value:,.0f}"
