"""Cost of leading a sweep: time without a worker, processor time of the controller, and of an idle `segspec watch`.

    python benches/sweep/overhead.py target/release/segspec [TRIALS]

Makes a phantom in a temporary folder and runs a search of TRIALS (default 60) trainings of some ten seconds each, one at a time.
Workers are seen in /proc every five milliseconds, so Linux only; no packages needed.
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import time

SEARCH = """\
dataset = "phantom"
split.ratio = {{ test = 0.2, validation = 0.2 }}

[preprocess]
spacing-mm = "keep"

[model.unet]
features = [8, 16, 32]
strides = [[1, 1, 1], [2, 2, 2], [2, 2, 2]]
kernels = [[3, 3, 3], [3, 3, 3], [3, 3, 3]]

[train]
patch-size = [16, 32, 32]
epochs = 4
steps-per-epoch = 60

[sweep]
method = "tpe"
budget = {{ trials = {trials} }}
train.optimizer.adamw.learning-rate = {{ log-uniform = [1e-4, 1e-2] }}
"""
TICKS = os.sysconf("SC_CLK_TCK")


def children(pid):
    try:
        return set(pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    except OSError:
        return set()


def processor_seconds(pid):
    """Of the process itself, without its children."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / TICKS


def search(segspec, folder, trials):
    (folder / "experiments").mkdir()
    (folder / "experiments/long.toml").write_text(SEARCH.format(trials=trials))
    start = time.monotonic()
    log = (folder / "log").open("w")
    controller = subprocess.Popen([segspec, "run", "experiments/long.toml"], cwd=folder, stdout=log, stderr=log)
    workers, spent = {}, 0.0
    while controller.poll() is None:
        now = time.monotonic()
        spent = processor_seconds(controller.pid) or spent
        for pid in children(controller.pid):
            first, _ = workers.get(pid, (now, now))
            workers[pid] = (first, now)
        time.sleep(0.005)
    wall = time.monotonic() - start
    assert controller.returncode == 0, (folder / "log").read_text()[-2000:]
    # git and other short helpers of the start are no workers.
    times = sorted(times for times in workers.values() if times[1] - times[0] > 1.0)
    assert len(times) == trials, f"{len(times)} workers of {trials} trials were seen"
    gaps = sorted(after[0] - before[1] for before, after in zip(times, times[1:]))
    print(f"{trials} trials in {wall:.1f} s")
    print(f"between two workers: median {gaps[len(gaps) // 2]:.3f} s, longest {gaps[-1]:.3f} s, all {sum(gaps):.2f} s: {sum(gaps) / wall:.2%}")
    print(f"before the first and after the last (planning, report): {wall - (times[-1][1] - times[0][0]):.2f} s")
    print(f"processor time of the controller: {spent:.2f} s: {spent / wall:.2%} of the wall time")


def idle(segspec, folder):
    many = folder / "experiments/many"
    many.mkdir()
    for number in range(1000):
        (many / f"{number}.toml").write_text(f'extends = ["../long.toml"]\nseed = {number}\n')
    log = (folder / "watch").open("w")
    watch = subprocess.Popen([segspec, "watch", "experiments"], cwd=folder, stdout=log, stderr=log)
    time.sleep(20)
    before = processor_seconds(watch.pid)
    time.sleep(60)
    print(f"`segspec watch` of 1,000 files in an idle minute: {processor_seconds(watch.pid) - before:.2f} s of processor time")
    watch.terminate()
    watch.wait()


if __name__ == "__main__":
    segspec = os.path.abspath(sys.argv[1])
    trials = int(sys.argv[2]) if len(sys.argv) > 2 else 60
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        subprocess.run([segspec, "phantom", "data/phantom", "--cases", "12"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        subprocess.run([segspec, "new", "--from", "data/phantom"], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for path in (folder / "experiments").glob("*"):
            path.unlink()
        (folder / "experiments").rmdir()
        search(segspec, folder, trials)
        idle(segspec, folder)
