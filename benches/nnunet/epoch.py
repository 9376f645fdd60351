"""A training epoch of 250 steps of nnU-Net's plan for the hippocampus: nnUNetTrainer beside segspec, on the CPU, in single precision.

    SEGSPEC_DATA=DATA python benches/nnunet/epoch.py SEGSPEC [--steps 250] [--workers 2]

Needs nnunetv2 2.8.1, and DATA/hippocampus (task 4 of the Medical Segmentation Decathlon). nnU-Net plans and preprocesses; its trainer, loader, losses
and augmentation are its own, with `--workers` processes for augmentation (0: none of their own). segspec runs experiments/nnunet-hippocampus.toml
with nnU-Net's batch size and the learning rate of nnU-Net's first epoch, which is constant: so the 250 steps can be five epochs of 50 here. Both
train on the same cases and predict the same held-out ones with all flips; one function here counts the Dice of both. Timed are the steps with the
waiting for their patches, without planning, preprocessing, validation and start-up. Prints both plans and a table in Markdown.
"""
import argparse, json, os, shutil, subprocess, sys, tempfile
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from common import compared, environment, load, program, table, timed

HERE = Path(__file__).resolve().parent
EXPERIMENT = HERE.parents[1] / "experiments/nnunet-hippocampus.toml"
LAP = 50  # both sides also state their seconds for every so many steps, which show whether the machine was busy with something else


def prepared(segspec, work, values):
    """Writes the dataset with segspec's folds, and has nnU-Net plan and preprocess it."""
    write = [segspec, "convert-dataset", str(EXPERIMENT), "--to", "nnunet", "--output", values["nnUNet_raw"], "--number", "4", "--name", "Hippocampus"]
    subprocess.run(write, check=True, env=values, stdout=subprocess.DEVNULL)
    plan = [program("nnUNetv2_plan_and_preprocess"), "-d", "4", "-c", "3d_fullres", "-np", "2", "-npfp", "2"]
    subprocess.run(plan, check=True, env=values, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    raw, made = (Path(values[key]) / "Dataset004_Hippocampus" for key in ["nnUNet_raw", "nnUNet_preprocessed"])
    shutil.copy(raw / "splits_final.json", made)
    plans = json.loads((made / "nnUNetPlans.json").read_text())
    return raw / "labelsTr", plans["configurations"]["3d_fullres"]["batch_size"]


def theirs(work, values, steps, workers):
    log = open(work / "nnunet.log", "w+")
    cost = timed([sys.executable, str(HERE / "trainer.py"), "4", str(steps)], dict(values, nnUNet_n_proc_DA=str(workers)), log)
    log.seek(0)
    return json.loads(next(line for line in log if line.startswith('{"seconds"'))), cost


def ours(segspec, work, values, steps, batch):
    lap = min(LAP, steps)
    sets = dict(epochs=steps // lap, batch_size=batch, steps_per_epoch=lap, validate_every=0)
    command = [segspec, "run", str(EXPERIMENT), "--fold", "0", "--json", "--set", "train.schedule={constant={}}"]
    for key, value in sets.items():
        command += ["--set", f"train.{key.replace('_', '-')}={value}"]
    with open(work / "segspec.log", "w+") as log:
        cost = timed(command, values, log)
    (run,) = work.glob("runs/nnunet-hippocampus/*/plan.toml")
    columns = json.loads((run.parent / "training_history.json").read_text())
    epoch = {name: sum(columns[name]) for name in ["seconds", "waited_seconds"]}
    epoch["laps"] = [step + wait for step, wait in zip(columns["seconds"], columns["waited_seconds"])]
    epoch["loss"] = columns["loss"]
    (folder,) = run.parent.glob("predictions/*")  # one: its label maps
    return run.parent, epoch, folder, cost


def plan_of_ours(run):
    """The same quantities as trainer.py prints, from the plan of the run."""
    import tomllib

    plan = tomllib.loads((run / "plan.toml").read_text())
    work = plan["work"]["train"]
    found = {"patch": work["train"]["patch-size"], "batch": work["train"]["batch-size"], "spacing": work["preprocess"]["spacing-mm"]}
    return found | {"features": work["model"]["unet"]["features"], "precision": work["train"]["precision"]}


def dice(folder, references):
    """Mean over cases and both structures; a structure in neither mask counts not at all."""
    found = []
    for file in sorted(Path(folder).glob("*.nii.gz")):
        one, other = (sitk.GetArrayFromImage(sitk.ReadImage(str(path))) for path in [file, references / file.name])
        for value in [1, 2]:
            a, b = one == value, other == value
            if a.any() or b.any():
                found.append(2 * (a & b).sum() / (a.sum() + b.sum()))
    return float(np.mean(found)), sorted(path.name for path in Path(folder).glob("*.nii.gz"))


def main():
    options = argparse.ArgumentParser()
    options.add_argument("segspec")
    options.add_argument("--steps", type=int, default=250)
    options.add_argument("--workers", type=int, default=2, help="processes for nnU-Net's augmentation")
    options.add_argument("--keep", help="work in this new folder and keep it")
    options = options.parse_args()
    segspec, work = str(Path(options.segspec).absolute()), Path(options.keep or tempfile.mkdtemp()).absolute()
    work.mkdir(exist_ok=True)
    data = Path(os.environ.get("SEGSPEC_DATA", "data")).absolute()
    os.chdir(work)
    values = dict(environment(work), SEGSPEC_DATA=str(data))
    references, batch = prepared(segspec, work, values)
    print(load(), flush=True)
    a, ac = theirs(work, values, options.steps, options.workers)
    print("nnU-Net:", a, flush=True)
    run, b, folder, bc = ours(segspec, work, values, options.steps, batch)
    print("segspec:", b, plan_of_ours(run), flush=True)
    (one, cases), (other, own) = dice(a["folder"], references), dice(folder, references)
    assert cases == own, "both must predict the same cases"
    lines = [compared(f"seconds of {options.steps} steps", a["seconds"], b["seconds"] + b["waited_seconds"])]
    lines += [compared("of them waiting for patches", a["waited"], b["waited_seconds"]), compared("seconds of the whole command", ac.seconds, bc.seconds)]
    lines += [compared("peak memory of the largest process, MB", ac.largest_mb, bc.largest_mb, 0)]
    lines += [compared("peak memory of all processes (PSS), MB", ac.sum_mb, bc.sum_mb, 0)]
    lines += [[f"mean Dice of {len(cases)} held-out cases", f"{one:.4f}", f"{other:.4f}", ""]]
    table(lines, ["", f"nnUNetTrainer, {options.workers} workers", "segspec", "ratio"])
    if not options.keep:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
