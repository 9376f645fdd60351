"""A run of nnU-Net's recipe again in PyTorch, from the run's own plan: the same cases, network, patches, optimiser and number of steps.

    cargo run --release --features cuda -- run experiments/nnunet-hippocampus.toml --fold 0 --device cuda --set train.epochs=20
    python recipe.py runs/nnunet-hippocampus/ID --device cuda

Network of dynamic-network-architectures, augmentation of batchgeneratorsv2 (nnUNetTrainer's list), windows of MONAI, automatic mixed
precision where the run had it, channels last, cuDNN's tuning. Prints seconds per 250 steps and Dice per structure of both. For data in the
Decathlon's layout with one channel and the plan's spacing: nothing is resampled here.
"""
import argparse
import csv
import json
import os
import time
import tomllib
from collections import defaultdict
from pathlib import Path

import nibabel
import numpy as np
import torch
from batchgeneratorsv2.transforms.intensity.brightness import MultiplicativeBrightnessTransform
from batchgeneratorsv2.transforms.intensity.contrast import BGContrast, ContrastTransform
from batchgeneratorsv2.transforms.intensity.gamma import GammaTransform
from batchgeneratorsv2.transforms.intensity.gaussian_noise import GaussianNoiseTransform
from batchgeneratorsv2.transforms.noise.gaussian_blur import GaussianBlurTransform
from batchgeneratorsv2.transforms.spatial.low_resolution import SimulateLowResolutionTransform
from batchgeneratorsv2.transforms.spatial.mirroring import MirrorTransform
from batchgeneratorsv2.transforms.spatial.spatial import SpatialTransform
from batchgeneratorsv2.transforms.utils.compose import ComposeTransforms
from batchgeneratorsv2.transforms.utils.random import RandomTransform
from dynamic_network_architectures.architectures.unet import PlainConvUNet
from dynamic_network_architectures.initialization.weight_init import InitWeights_He
from monai.inferers import sliding_window_inference
from torch import nn
from torch.nn import functional

CLIP = 12.0


def transforms(size):
    factor, exponent = BGContrast((0.75, 1.25)), BGContrast((0.7, 1.5))
    angle = (-np.pi / 6, np.pi / 6)
    return ComposeTransforms([
        SpatialTransform(size, 0, False, p_rotation=0.2, rotation=angle, p_scaling=0.2, scaling=(0.7, 1.4),
                         p_synchronize_scaling_across_axes=1, bg_style_seg_sampling=False),
        RandomTransform(GaussianNoiseTransform((0, 0.1), 1, True), 0.1),
        RandomTransform(GaussianBlurTransform((0.5, 1.0), synchronize_channels=False, synchronize_axes=False, p_per_channel=0.5), 0.2),
        RandomTransform(MultiplicativeBrightnessTransform(factor, synchronize_channels=False, p_per_channel=1), 0.15),
        RandomTransform(ContrastTransform(factor, preserve_range=True, synchronize_channels=False, p_per_channel=1), 0.15),
        RandomTransform(SimulateLowResolutionTransform((0.5, 1), synchronize_channels=False, synchronize_axes=True, ignore_axes=None,
                                                       allowed_channels=None, p_per_channel=0.5), 0.25),
        RandomTransform(GammaTransform(exponent, 1, synchronize_channels=False, p_per_channel=1, p_retain_stats=1), 0.1),
        RandomTransform(GammaTransform(exponent, 0, synchronize_channels=False, p_per_channel=1, p_retain_stats=1), 0.3),
        MirrorTransform((0, 1, 2)),
    ])


class Patches(torch.utils.data.IterableDataset):
    """Patches of random cases, without end: around a voxel of a structure as often as the plan says."""

    def __init__(self, cases, size, foreground, seed):
        self.cases, self.size, self.foreground, self.seed = cases, size, foreground, seed

    def __iter__(self):
        torch.set_num_threads(1)
        worker = torch.utils.data.get_worker_info()
        number = self.seed * 1000 + (worker.id if worker else 0)
        np.random.seed(number)
        torch.manual_seed(number)
        rng, transform = np.random.default_rng(number), transforms(self.size)
        # A larger patch than the one that is learnt from, so that turned ones are full.
        wide = [length * 3 // 2 for length in self.size]
        while True:
            image, labels = self.cases[rng.integers(len(self.cases))]
            center = [rng.integers(length) for length in image.shape]
            present = np.unique(labels)[1:]
            if len(present) and rng.random() < self.foreground:
                places = np.argwhere(labels == rng.choice(present))
                center = places[rng.integers(len(places))]
            cut = [cut_out(array, center, self.size, wide) for array in (image, labels)]
            made = transform(image=torch.from_numpy(cut[0])[None], segmentation=torch.from_numpy(cut[1])[None])
            yield made["image"], made["segmentation"][0].long()


def cut_out(array, center, size, wide):
    """`wide` voxels around the patch of `size` that lies inside of the array as far as it can; zeros beyond."""
    low = []
    for middle, length, patch, full in zip(center, array.shape, size, wide):
        start = int(np.clip(middle - patch // 2, min(0, length - patch), max(0, length - patch)))
        low.append(start - (full - patch) // 2)
    before = [max(0, -start) for start in low]
    after = [max(0, start + full - length) for start, full, length in zip(low, wide, array.shape)]
    padded = np.pad(array, list(zip(before, after)))
    return padded[tuple(slice(start + b, start + b + full) for start, b, full in zip(low, before, wide))].copy()


def load(root, names, spacing):
    cases = []
    for name in names:
        files = [nibabel.load(Path(root) / folder / f"{name}.nii.gz") for folder in ("imagesTr", "labelsTr")]
        assert np.allclose(files[0].header.get_zooms()[:3], spacing, atol=0.01), f"{name} would have to be resampled"
        image = files[0].get_fdata(dtype=np.float32).transpose(2, 1, 0)
        labels = np.asarray(files[1].dataobj).astype(np.int16).transpose(2, 1, 0)
        box = tuple(slice(places.min(), places.max() + 1) for places in np.nonzero(image))
        image, labels = image[box], labels[box]
        cases.append(((image - image.mean()) / (image.std() + 1e-8), labels))
    return cases


def build(model, classes):
    return PlainConvUNet(1, len(model["features"]), model["features"], nn.Conv3d, model["kernels"], model["strides"], model["blocks"],
                         classes, [model["decoder-blocks"]] * (len(model["features"]) - 1), conv_bias=True, norm_op=nn.InstanceNorm3d,
                         norm_op_kwargs={"eps": 1e-5, "affine": True}, nonlin=nn.LeakyReLU, nonlin_kwargs={"inplace": True},
                         deep_supervision=True)


def loss_of(logits, truth):
    """Cross-entropy and soft Dice per image and structure, without the background (nnU-Net's, from 0 instead of -1 on)."""
    classes = logits.shape[1]
    wanted = functional.one_hot(truth, classes).movedim(-1, 1).float()
    found = logits.softmax(1)
    axes = (2, 3, 4)
    both, sizes = (found * wanted).sum(axes), (found + wanted).sum(axes)
    dice = ((2 * both + 1e-5) / (sizes + 1e-5).clamp(min=1e-8))[:, 1:]
    return functional.cross_entropy(logits, truth) + 1 - dice.mean()


def supervised(outputs, truth):
    """Weights halve with each coarser output, the coarsest has none (nnUNetTrainer)."""
    weights = [0.5**level for level in range(len(outputs))]
    weights[-1] = 0.0
    total = 0
    for logits, weight in zip(outputs, weights):
        if weight:
            small = functional.interpolate(truth[:, None].float(), size=logits.shape[2:], mode="nearest-exact")[:, 0].long()
            total = total + weight / sum(weights) * loss_of(logits.float(), small)
    return total


def optimiser_of(plan, parameters):
    (name, keys), = plan["optimizer"].items()
    if name == "sgd":
        return torch.optim.SGD(parameters, keys["learning-rate"], keys["momentum"], nesterov=True, weight_decay=keys["weight-decay"])
    return torch.optim.AdamW(parameters, keys["learning-rate"], keys["betas"], keys["epsilon"], keys["weight-decay"])


def train(net, batches, plan, steps, device, autocast):
    optimiser = optimiser_of(plan, net.parameters())
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: (1 - step / steps) ** plan["schedule"]["polynomial"]["power"])
    seconds, start = [], time.perf_counter()
    for step in range(1, steps + 1):
        images, truth = (part.to(device, non_blocking=True) for part in next(batches))
        images = images.to(memory_format=torch.channels_last_3d)
        optimiser.zero_grad(set_to_none=True)
        with autocast():
            outputs = net(images)
        loss = supervised(outputs, truth)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), CLIP)
        optimiser.step()
        schedule.step()
        if step % plan["steps-per-epoch"] == 0:
            shown = loss.item()
            seconds.append(time.perf_counter() - start)
            print(f"step {step}  loss {shown:.4f}  {seconds[-1]:.1f} s", flush=True)
            start = time.perf_counter()
    return seconds


def predict(net, image, plan, device, autocast):
    images = torch.from_numpy(image)[None, None].to(device)
    axes = [axis + 2 for axis in plan["mirror-axes"]]
    flips = [[axis for bit, axis in enumerate(axes) if number >> bit & 1] for number in range(2 ** len(axes))]

    def mean(windows):
        with autocast():
            return sum(net(windows.flip(flip)).float().softmax(1).flip(flip) for flip in flips) / len(flips)

    found = sliding_window_inference(images, plan["patch-size"], 1, mean, overlap=plan["overlap"], mode="gaussian")
    return found.argmax(1)[0].cpu().numpy()


def dice_of_run(run):
    scores = defaultdict(list)
    with open(run / "scores.csv") as file:
        for row in csv.DictReader(file):
            if row["split"] == "test" and row["dice"]:
                scores[row["structure"]].append(float(row["dice"]))
    return {name: float(np.mean(values)) for name, values in scores.items()}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    plan = tomllib.loads((options.run / "plan.toml").read_text())
    train_plan, root, spacing = plan["train"], plan["about"]["data-root"], plan["preprocess"]["spacing-mm"]
    torch.manual_seed(options.seed)
    torch.backends.cudnn.benchmark = True
    kinds = {"f32": torch.float32, "bf16": torch.bfloat16}
    kind, name = kinds[train_plan["precision"]], torch.device(options.device).type

    def autocast():
        return torch.autocast(name, kind, enabled=kind != torch.float32)

    structures = [structure["name"] for structure in plan["target"]["structure"]]
    net = build(plan["model"]["unet"], len(structures) + 1)
    net.apply(InitWeights_He(1e-2))
    net = net.to(options.device, memory_format=torch.channels_last_3d)
    cases = load(root, plan["cases"]["train"], spacing)
    patches = Patches(cases, tuple(train_plan["patch-size"]), train_plan["sampling"]["foreground"], options.seed)
    workers = max(1, (os.cpu_count() or 2) - 1)
    batches = iter(torch.utils.data.DataLoader(patches, train_plan["batch-size"], num_workers=workers, pin_memory=name == "cuda"))
    seconds = train(net, batches, train_plan, train_plan["epochs"] * train_plan["steps-per-epoch"], options.device, autocast)
    net.eval()
    net.decoder.deep_supervision = False
    scores = defaultdict(list)
    with torch.inference_mode():
        for image, labels in load(root, plan["cases"]["test"], spacing):
            found = predict(net, image, plan["predict"], options.device, autocast)
            for value, structure in enumerate(structures, 1):
                sizes = (found == value).sum() + (labels == value).sum()
                if sizes:
                    scores[structure].append(2 * ((found == value) & (labels == value)).sum() / sizes)
    theirs = {structure: float(np.mean(values)) for structure, values in scores.items()}
    ours = dice_of_run(options.run)
    history = json.loads((options.run / "training_history.json").read_text())["seconds"]
    # The first epoch tunes kernels on either side.
    pace = [float(np.median(part[1:] or part)) * 250 / train_plan["steps-per-epoch"] for part in (history, seconds)]
    print(f"\n{'':24}{'segspec':>10}{'PyTorch':>10}")
    print(f"{'s per 250 steps':24}{pace[0]:10.1f}{pace[1]:10.1f}   ratio {pace[0] / pace[1]:.2f}")
    for structure in structures:
        print(f"{'Dice ' + structure:24}{ours[structure]:10.4f}{theirs[structure]:10.4f}")
    means = [float(np.mean([side[structure] for structure in structures])) for side in (ours, theirs)]
    print(f"{'Dice, mean':24}{means[0]:10.4f}{means[1]:10.4f}   difference {means[0] - means[1]:+.4f}")


main()
