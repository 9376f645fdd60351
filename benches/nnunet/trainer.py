"""One epoch of nnU-Net's own trainer, timed, then its own prediction of the held-out cases. Called by epoch.py; prints one line of JSON.

    python benches/nnunet/trainer.py DATASET STEPS
"""
import json, sys, time

import torch
from epoch import LAP
from nnunetv2.run.run_training import get_trainer_from_args


def epoch(trainer, steps):
    """The training part of nnUNetTrainer.run_training: seconds of every LAP steps, those spent waiting for the loader, and the mean loss."""
    trainer.on_epoch_start()
    trainer.on_train_epoch_start()
    outputs, waited, started, laps = [], 0.0, time.time(), []
    for step in range(1, steps + 1):
        waiting = time.time()
        batch = next(trainer.dataloader_train)
        waited += time.time() - waiting
        outputs.append(trainer.train_step(batch))
        if step % LAP == 0 or step == steps:
            laps.append(time.time() - started - sum(laps))
    trainer.on_train_epoch_end(outputs)
    return laps, waited, float(sum(float(output["loss"]) for output in outputs) / steps)


def stop(loader):
    if hasattr(loader, "_finish"):
        loader._finish()


def main():
    dataset, steps = sys.argv[1], int(sys.argv[2])
    torch.set_num_threads(2)
    trainer = get_trainer_from_args(dataset, "3d_fullres", 0, device=torch.device("cpu"))
    trainer.on_train_start()
    training, held_out = trainer.do_split()
    laps, waited, loss = epoch(trainer, steps)
    stop(trainer.dataloader_train)
    stop(trainer.dataloader_val)
    started = time.time()
    with torch.no_grad():
        trainer.perform_actual_validation()
    plan = trainer.configuration_manager
    print(json.dumps(dict(
        seconds=sum(laps), laps=laps, waited=waited, loss=loss, prediction=time.time() - started, folder=trainer.output_folder + "/validation",
        plan={
            "patch": list(plan.patch_size), "batch": plan.batch_size, "spacing": [float(mm) for mm in plan.spacing],
            "features": list(plan.network_arch_init_kwargs["features_per_stage"]), "training cases": len(training),
            "held-out cases": len(held_out), "parameters": sum(value.numel() for value in trainer.network.parameters()),
        },
    )))  # fmt: skip


if __name__ == "__main__":
    main()
