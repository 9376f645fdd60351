"""How the cost of segspec grows: time and peak memory against voxels, cases, structures, channels, patch and batch.

    python benches/growth/growth.py SEGSPEC [--chart FILE] [--small] [--only WORD]

Needs nnunetv2 2.8.1 (for models with any number of classes) and SimpleITK; matplotlib for the chart. All data are made: int16 CTs with noise and a ball
per structure. Networks are small (features 4 and 8), so that everything else shows; two threads. Each point is a whole command in an empty folder, the
best of up to three where it takes less than two seconds; of `bench`, time is that of a training step, as it states it.

An exponent is the slope of a straight line through log(cost − start-up) over log(quantity), by least squares. Start-up is the cost of the same
command on the smallest input (`size` of 16 voxels, or one case). Points that do not exceed start-up by a fifth are left out; with less than
three points, there is no exponent. 1: cost grows as its quantity; more than 1.15 means that something grows faster than it must.
"""
import argparse, json, os, shutil, subprocess, sys, tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "nnunet"))
from common import environment, imported, load, model, table, timed
from made import Cases, experiment

SERIES = []  # (name, quantity, points, function of a point, start-up: a point or keyword arguments)


def series(name, quantity, points, small):
    """Declares a series; the function gets the bench, a folder and a point, and returns the cost. `small` is the point that is start-up."""

    def declare(cost):
        SERIES.append((name, quantity, points, cost, small))
        return cost

    return declare


class Bench:
    def __init__(self, segspec, work):
        self.segspec, self.work, self.values = segspec, work, environment(work)
        self.cases, self.made = Cases(work / "cases"), 0

    def folder(self, keep={}):
        """A new folder with a dataset."""
        self.made += 1
        folder = self.work / str(self.made)
        folder.mkdir()
        self.cases.dataset(folder / "data", **keep)
        return folder

    def timed(self, folder, *command):
        """Seconds of a command, the best of up to three, and the largest MB; each without what the one before left behind."""
        found, spent = [], 0.0
        os.chdir(folder)
        before = set(folder.iterdir())
        while not found or (spent < 2 and len(found) < 3):
            for path in set(folder.iterdir()) - before:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            with open(self.work / "log", "w") as log:
                cost = timed([self.segspec, *map(str, command)], self.values, log, every=0.01)
            found.append((cost.seconds, cost.largest_mb))
            spent += cost.seconds
        return min(seconds for seconds, _ in found), max(memory for _, memory in found)

    def predict(self, count, size, structures=4, channels=1):
        folder = self.folder(dict(count=count, size=size, structures=structures, channels=channels))
        place = model(folder / "model", [4, 8], [32, 32, 32], [1.25] * 3, [64, 64, 64], channels, structures)
        run = imported(self.segspec, place, "made", folder)
        return self.timed(folder, "predict", run, "--input", "data/imagesTr", "--output", "out", "--no-mirror")

    def evaluate(self, count, size, structures=4):
        folder = self.folder(dict(count=count, size=size, structures=structures))
        return self.timed(folder, "evaluate", "--reference", "data/labelsTr", "--prediction", "data/predicted", "--tolerance-mm", "2")

    def command(self, name, count, size, structures=4, channels=1, **settings):
        """`prepare` or `run`."""
        folder = self.folder(dict(count=count, size=size, structures=structures, channels=channels))
        experiment(folder, folder / "data", structures, channels, **settings)
        return self.timed(folder, name, "experiments/made.toml")

    def step(self, size=128, **settings):
        """Seconds of a training step, and memory of the command."""
        folder = self.folder(dict(count=2, size=size, structures=settings.get("structures", 4)))
        experiment(folder, folder / "data", **settings)
        command = [self.segspec, "bench", "experiments/made.toml", "--steps", "5", "--json"]
        found = json.loads(subprocess.run(command, check=True, env=self.values, cwd=folder, stdout=subprocess.PIPE).stdout)
        found = (found["runs"] if isinstance(found, dict) and "runs" in found else found)[0]
        return found["step-seconds"], found["peak-bytes"] / 1e6


def cubed(edges):
    return [edge**3 for edge in edges]


SIZES = cubed([64, 96, 128, 192, 256, 320])
COUNTS, STRUCTURES, CHANNELS = [5, 10, 20, 40, 80], [4, 16, 48, 117], [1, 2, 4, 8]


def edge(voxels):
    return round(voxels ** (1 / 3))


@series("predict", "voxels of an image", SIZES, 16**3)
def _(bench, voxels):
    return bench.predict(1, edge(voxels))


@series("evaluate", "voxels of an image", SIZES, 16**3)
def _(bench, voxels):
    return bench.evaluate(1, edge(voxels))


@series("prepare", "voxels of an image", SIZES, 16**3)
def _(bench, voxels):
    return bench.command("prepare", 1, edge(voxels))


@series("predict", "cases of 64³ voxels", COUNTS, 1)
def _(bench, count):
    return bench.predict(count, 64)


@series("evaluate", "cases of 64³ voxels", COUNTS, 1)
def _(bench, count):
    return bench.evaluate(count, 64)


@series("prepare", "cases of 64³ voxels", COUNTS, 1)
def _(bench, count):
    return bench.command("prepare", count, 64)


@series("run, 150 steps", "cases of 64³ voxels", COUNTS, 2)
def _(bench, count):
    return bench.command("run", count, 64, test=0.5, steps=150)  # enough steps that predictions are not mere speckle


@series("predict", "structures in 128³ voxels", STRUCTURES, None)
def _(bench, structures):
    return bench.predict(1, 128 if structures else 16, structures or 1)


@series("evaluate", "structures in 128³ voxels", STRUCTURES, None)
def _(bench, structures):
    return bench.evaluate(1, 128 if structures else 16, structures or 1)


@series("prepare", "structures in 128³ voxels", STRUCTURES, None)
def _(bench, structures):
    return bench.command("prepare", 1, 128 if structures else 16, structures or 1)


@series("training step", "structures, patch of 64³", STRUCTURES, None)
def _(bench, structures):
    return bench.step(structures=structures or 1, patch=64 if structures else 8)


@series("predict", "channels of 128³ voxels", CHANNELS, None)
def _(bench, channels):
    return bench.predict(1, 128 if channels else 16, channels=channels or 1)


@series("prepare", "channels of 128³ voxels", CHANNELS, None)
def _(bench, channels):
    return bench.command("prepare", 1, 128 if channels else 16, channels=channels or 1)


@series("training step", "voxels of a patch", cubed([32, 48, 64, 80, 96]), 8**3)
def _(bench, voxels):
    return bench.step(patch=edge(voxels), features=(8, 16, 32))


@series("training step", "patches of 48³ in a batch", [1, 2, 4, 8], None)
def _(bench, batch):
    return bench.step(patch=48 if batch else 8, features=(8, 16, 32), batch=batch or 1)


def exponent(points, costs, start):
    """Slope of log(cost − start-up) over log(quantity), of the points that exceed start-up by a fifth."""
    used = [(point, cost - start) for point, cost in zip(points, costs) if cost > 1.2 * start]
    if len(used) < 3:
        return None
    return float(np.polyfit(*np.log(np.array(used, float)).T, 1)[0])


def shown(value):
    return "–" if value is None else f"{value:.2f}"


def chart(file, found):
    """All series in one picture: time and memory, start-up included, on logarithmic axes on which an exponent of 1 rises by 45 degrees."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    columns = 5
    rows = -(-len(found) // columns)
    figure, panels = plt.subplots(rows, columns, figsize=(3.1 * columns, 2.7 * rows), layout="constrained", squeeze=False)
    for panel in panels.flat[len(found):]:
        panel.axis("off")
    for panel, (name, quantity, points, costs, slopes) in zip(panels.flat, found):
        panel.set_title(name, fontsize=9)
        panel.set_xlabel(quantity, fontsize=8)
        for side, column, colour, unit in [(panel, 0, "#0072b2", "s"), (panel.twinx(), 1, "#d55e00", "MB")]:
            # A process that ends at once is gone before its memory is looked at.
            values = [cost[column] if cost[column] > 0.01 else np.nan for cost in costs]
            side.loglog(points, values, "o-", color=colour, markersize=3)
            middle, reach = np.sqrt(np.nanmin(values) * np.nanmax(values)), 1.3 * np.sqrt(max(points) / min(points))
            side.set_ylim(middle / reach, middle * reach)
            ends = sorted({np.nanmin(values), np.nanmax(values)})
            side.set_yticks(ends, [f"{end:.3g}" for end in ends])
            side.set_ylabel(f"{unit}, exponent {shown(slopes[column])}", color=colour, fontsize=8)
            side.tick_params(labelsize=7, which="both")
            side.minorticks_off()
        panel.set_xticks(points, [short(point) for point in points], rotation=30)
        panel.grid(alpha=0.3)
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=80)
    plt.close(figure)


def short(number):
    return f"{number / 1e6:.3g} M" if number >= 1e5 else f"{number}"


def main():
    options = argparse.ArgumentParser()
    options.add_argument("segspec")
    options.add_argument("--chart", help="PNG file with a chart of each series")
    options.add_argument("--small", action="store_true", help="the two smallest points of each, to try this script")
    options.add_argument("--only", default="", help="the series in whose name or quantity this occurs")
    options = options.parse_args()
    picture = options.chart and Path(options.chart).absolute()
    work = Path(tempfile.mkdtemp())
    bench = Bench(str(Path(options.segspec).absolute()), work)
    print(load(), flush=True)
    rows, found = [], []
    for name, quantity, points, cost, small in SERIES:
        if options.only not in f"{name} {quantity}":
            continue
        points = points[:2] if options.small else points
        start, costs = cost(bench, small), [cost(bench, point) for point in points]
        slopes = [exponent(points, [cost[column] for cost in costs], start[column]) for column in range(2)]
        figures = ["; ".join(f"{value[column]:.3g}" for value in [start, *costs]) for column in range(2)]
        rows.append([f"{name}: {quantity}", "; ".join(map(short, points)), *figures, *map(shown, slopes), ""])
        print("; ".join(rows[-1]), flush=True)
        found.append((name, quantity, points, costs, slopes))
    heads = ["command: quantity", "points", "seconds (start-up first)", "peak MB (start-up first)", "exponent of time", "of memory", "remark"]
    table(rows, heads)
    if picture:
        chart(picture, found)
    shutil.rmtree(work)


if __name__ == "__main__":
    main()
