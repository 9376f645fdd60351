"""Reference trajectories of optimisers and schedules, from PyTorch: python optimizer.py > optimizer.json (torch).

A network of two linear layers with a bias each, 20 steps on fixed inputs; schedules over ten epochs of ten steps from a learning rate
of 0.1; plateaus over given values.
"""
import json

import torch
from torch.optim import lr_scheduler

torch.manual_seed(3)
STEPS = 20
inputs = torch.randn(STEPS, 4, 3)
targets = torch.randn(STEPS, 4, 2)
first, second = torch.nn.Linear(3, 5), torch.nn.Linear(5, 2)
start = [p.detach().clone() for p in [first.weight, first.bias, second.weight, second.bias]]


def trajectory(optimizer, prepare=lambda parameters, step: None):
    """Weights after each step. `optimizer` makes one from the four parameters."""
    parameters = [p.clone().requires_grad_() for p in start]
    w1, b1, w2, b2 = parameters
    optimizer = optimizer(parameters)
    steps = []
    for step in range(STEPS):
        optimizer.zero_grad()
        outputs = torch.tanh(inputs[step] @ w1.T + b1) @ w2.T + b2
        ((outputs - targets[step]) ** 2).mean().backward()
        prepare(parameters, step)
        optimizer.step()
        steps.append([round(value, 8) for p in parameters for value in p.detach().flatten().tolist()])
    return steps


def freeze_second(parameters, step):
    """The second layer for the first ten steps: it has no gradient."""
    if step < 10:
        for p in parameters[2:]:
            p.grad = None


O = torch.optim
norms = torch.nn.utils
trajectories = {
    "adam": trajectory(lambda p: O.Adam(p, lr=0.01)),
    "adam_decay": trajectory(lambda p: O.Adam(p, lr=0.01, weight_decay=0.1, betas=(0.8, 0.99), eps=1e-6)),
    "adamw": trajectory(lambda p: O.AdamW(p, lr=0.01, weight_decay=0.1)),
    "sgd": trajectory(lambda p: O.SGD(p, lr=0.05)),
    "sgd_momentum": trajectory(lambda p: O.SGD(p, lr=0.05, momentum=0.9, weight_decay=0.01)),
    "sgd_nesterov": trajectory(lambda p: O.SGD(p, lr=0.05, momentum=0.99, nesterov=True, weight_decay=3e-5)),
    "clip_norm": trajectory(lambda p: O.SGD(p, lr=0.05), lambda p, _: norms.clip_grad_norm_(p, 0.5)),
    "clip_value": trajectory(lambda p: O.SGD(p, lr=0.05), lambda p, _: norms.clip_grad_value_(p, 0.1)),
    "clip_both": trajectory(
        lambda p: O.SGD(p, lr=0.05), lambda p, _: (norms.clip_grad_value_(p, 0.1), norms.clip_grad_norm_(p, 0.3))),
    "groups": trajectory(lambda p: O.AdamW(
        [{"params": p[:2], "lr": 0.001, "weight_decay": 0.0}, {"params": p[2:]}], lr=0.01, weight_decay=0.1)),
    "no_decay": trajectory(lambda p: O.AdamW(
        [{"params": p[1::2], "weight_decay": 0.0}, {"params": p[::2]}], lr=0.01, weight_decay=0.1)),
    "frozen": trajectory(lambda p: O.AdamW(p, lr=0.01, weight_decay=0.1), freeze_second),
}


def rates(scheduler, per_epoch):
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = O.SGD([parameter], lr=0.1)
    scheduler, rates = scheduler(optimizer), []
    for step in range(100):
        if isinstance(scheduler, lr_scheduler.CosineAnnealingWarmRestarts):
            scheduler.step(step / 10)
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if not isinstance(scheduler, lr_scheduler.CosineAnnealingWarmRestarts) and (not per_epoch or step % 10 == 9):
            scheduler.step()
    return rates


schedules = {
    "step": rates(lambda o: lr_scheduler.StepLR(o, 3, 0.2), True),
    "exponential": rates(lambda o: lr_scheduler.ExponentialLR(o, 0.9), True),
    "polynomial": rates(lambda o: lr_scheduler.PolynomialLR(o, 100, 0.9), False),
    "cosine": rates(lambda o: lr_scheduler.CosineAnnealingLR(o, 100, 0.001), False),
    "cosine_restarts": rates(lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 2), True),
    "cosine_restarts_doubling": rates(lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 2, 2, 0.005), True),
}

generator = torch.Generator().manual_seed(5)
values = [1 - 0.8 ** (n / 3) + 0.05 * torch.randn(1, generator=generator).item() for n in range(40)]


def plateau(metric, factor, patience, cooldown, delta, minimum):
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = O.SGD([parameter], lr=0.1)
    scheduler = lr_scheduler.ReduceLROnPlateau(
        optimizer, mode="min" if metric == "training-loss" else "max", factor=factor, patience=patience,
        threshold=delta, threshold_mode="abs", cooldown=cooldown, min_lr=0.1 * minimum, eps=0)
    rates = []
    for value in values:
        scheduler.step(value)
        rates.append(optimizer.param_groups[0]["lr"])
    rule = {"metric": metric, "factor": factor, "patience-epochs": patience, "cooldown-epochs": cooldown,
            "minimum-delta": delta, "minimum": minimum}
    return {"rule": rule, "rates": rates}


print(json.dumps({
    "torch": torch.__version__.split("+")[0],
    "inputs": inputs.flatten().tolist(),
    "targets": targets.flatten().tolist(),
    "start": [p.flatten().tolist() for p in start],
    "trajectories": trajectories,
    "schedules": schedules,
    "values": values,
    "plateaus": [
        plateau("validation-dice", 0.5, 2, 0, 0.0, 0.0),
        plateau("validation-dice", 0.1, 1, 3, 0.01, 0.005),
        plateau("validation-dice", 0.5, 0, 1, 0.02, 0.0),
        plateau("training-loss", 0.5, 4, 2, 0.0, 0.1),
        plateau("training-loss", 0.7, 3, 5, 0.05, 0.0),
    ],
}))
