"""Measurements in pairs: the peer, then ours, again and again, so that what the machine does meanwhile meets both."""
import dataclasses
import datetime
import statistics
import typing

# A setting of the peer that is this much worse than its best in the first pair is not tried again.
CLEARLY_WORSE = 0.9


@dataclasses.dataclass
class Figure:
    """One row of the table."""

    name: str
    work: str
    # Under which name the runs of both engines give it, and in which unit.
    key: str
    unit: str
    # What to reach: a ratio, or an absolute figure of ours.
    floor: float
    aim: float
    ratio: bool = True
    more_is_better: bool = True


@dataclasses.dataclass
class Measurement:
    """What one run of each engine gives: figures by their keys."""

    name: str
    work: str
    figures: list
    ours: typing.Callable
    # Takes one of the settings.
    theirs: typing.Callable = None
    settings: tuple = ()
    # Without --quick and with it.
    pairs: tuple = (5, 3)


def run(measurement, count, say):
    """A list of pairs: what each setting of the peer gave, and what ours gave."""
    settings, runs = list(measurement.settings), []
    for number in range(count):
        theirs = {setting: measurement.theirs(setting) for setting in settings}
        ours = measurement.ours()
        runs.append({"theirs": theirs, "ours": ours})
        say(f"pair {number + 1} of {count}: " + "; ".join(f"{name} {brief(values)}" for name, values in [*theirs.items(), ("Redoubt", ours)]))
        if number == 0:
            settings = [setting for setting in settings if not clearly_worse(measurement, theirs, setting)]
    return runs


def clearly_worse(measurement, theirs, setting):
    """Whether another setting is better by far in every figure."""
    return all(
        any(better(figure, theirs[setting], other) < CLEARLY_WORSE for other in theirs.values())
        for figure in measurement.figures
        if figure.key in theirs[setting]
    )


def better(figure, one, other):
    """How many times better `one` is than `other`."""
    return one[figure.key] / other[figure.key] if figure.more_is_better else other[figure.key] / one[figure.key]


def rows(measurement, runs):
    return {figure.name: row(figure, runs) for figure in measurement.figures}


def row(figure, runs):
    """What the table says of a figure: medians, and the ratio of each pair."""
    found = dataclasses.asdict(figure) | {
        "ours": statistics.median(run["ours"][figure.key] for run in runs),
        "share": statistics.median(run["ours"].get("share", 0) for run in runs) or None,
        "pairs": len(runs),
        "date": datetime.date.today().isoformat(),
        "runs": [{"theirs": {name: run["theirs"][name][figure.key] for name in run["theirs"]}, "ours": run["ours"][figure.key]} for run in runs],
    }
    medians = {name: statistics.median(run["theirs"][name][figure.key] for run in runs) for name in best_known(runs)}
    if not medians:
        return found
    setting = (max if figure.more_is_better else min)(medians, key=medians.get)
    ratios = sorted(better(figure, run["ours"], run["theirs"][setting]) for run in runs)
    return found | {"theirs": medians[setting], "setting": setting, "ratios": ratios, "median_ratio": statistics.median(ratios)}


def best_known(runs):
    """Settings that were tried in every pair."""
    return [name for name in runs[0]["theirs"] if all(name in run["theirs"] for run in runs)]


def brief(values):
    return ", ".join(f"{key} {value:.4g}" for key, value in values.items() if isinstance(value, (int, float)))
