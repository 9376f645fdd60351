"""Reference values of the losses, from PyTorch and MONAI: python loss.py > loss.json (torch, numpy, monai).

For every kind of truth (random, and those that divide by nothing) the value of each term, and its gradient.
"""
import json

import torch
import torch.nn.functional as F
from monai.losses import DiceLoss, FocalLoss, GeneralizedDiceLoss, TverskyLoss

torch.manual_seed(1)
shape = (2, 3, 2, 3, 3)
logits = (torch.randn(shape) * 2).requires_grad_()
classes = torch.randint(0, 3, (2, 2, 3, 3))
masks = (torch.rand(shape) < 0.4).float()
weights = torch.tensor([0.2, 1.0, 3.0])
positive = torch.tensor([2.0, 0.5, 4.0])
IGNORE = -1
w5, p5 = weights.view(1, 3, 1, 1, 1), positive.view(1, 3, 1, 1, 1)


def largest(values, fraction):
    """nnU-Net's TopKLoss, over the voxels that are known."""
    return torch.topk(values, max(1, int(len(values) * fraction)), sorted=False)[0].mean()


def overlaps(logits, hot, known, activation, skip):
    """MONAI's losses; voxels that are not known are taken out of probabilities and truth."""
    p = (logits.softmax(1) if activation == "softmax" else logits.sigmoid()) * known
    background = dict(include_background=False) if skip else {}
    smooth = dict(smooth_nr=1e-5, smooth_dr=1e-5)
    # MONAI's Jaccard doubles numerator and denominator: so do its constants.
    doubled = dict(smooth_nr=2e-5, smooth_dr=2e-5)
    tversky = dict(alpha=0.3, beta=0.7)
    per_structure = TverskyLoss(**background, **smooth, **tversky, batch=True, reduction="none")(p, hot)

    def dice(axes, skip):
        value = (2 * (p * hot).sum(axes) + 1e-5) / (p.sum(axes) + hot.sum(axes) + 1e-5)
        return 1 - value[..., skip:]

    def skipping(losses, axes, skip):
        """Structures that are absent count in no mean."""
        there = (hot.sum(axes)[..., skip:] > 0).float()
        return (losses * there).sum() / there.sum().clamp_min(1)

    patch, batch = (2, 3, 4), (0, 2, 3, 4)
    return {
        "dice_batch": dice(batch, skip).mean(),
        "dice_sample": dice(patch, skip).mean(),
        "dice_sample_skip": skipping(dice(patch, skip), patch, skip),
        "jaccard_batch": DiceLoss(**background, **doubled, jaccard=True, batch=True)(p, hot),
        "jaccard_sample": DiceLoss(**background, **doubled, jaccard=True)(p, hot),
        "generalized_dice_batch": GeneralizedDiceLoss(**background, **smooth, batch=True)(p, hot),
        "generalized_dice_sample": GeneralizedDiceLoss(**background, **smooth)(p, hot),
        "tversky_batch": per_structure.mean(),
        "tversky_batch_skip": skipping(per_structure, batch, skip),
        "tversky_sample": TverskyLoss(**background, **smooth, **tversky)(p, hot),
        "focal_tversky": per_structure.clamp_min(1e-7).pow(0.75).mean(),
    } | ({"dice_background": dice(batch, 0).mean(),
          "jaccard_sample_background": DiceLoss(**doubled, jaccard=True)(p, hot)} if skip else {})


def of_classes(logits, truth):
    """Classes that exclude each other."""
    known = (truth != IGNORE)[:, None].float()
    hot = F.one_hot(truth.clamp_min(0), 3).permute(0, 4, 1, 2, 3).float() * known
    ce = lambda **more: F.cross_entropy(logits, truth, ignore_index=IGNORE, **more)
    voxels = lambda **more: ce(reduction="none", **more)[truth != IGNORE]
    # MONAI divides by the number of classes besides.
    focal = lambda **more: (FocalLoss(use_softmax=True, reduction="none", **more)(logits, hot) * known).sum() / known.sum()
    return {
        "cross_entropy": ce(),
        "cross_entropy_weighted": ce(weight=weights),
        "cross_entropy_smooth": ce(label_smoothing=0.1),
        "cross_entropy_weighted_smooth": ce(weight=weights, label_smoothing=0.3),
        "cross_entropy_top": largest(voxels(), 0.1),
        "cross_entropy_top_weighted": largest(voxels(weight=weights), 0.25),
        "cross_entropy_top_smooth": largest(voxels(weight=weights, label_smoothing=0.2), 0.5),
        "focal": focal(gamma=2.0),
        "focal_alpha": focal(gamma=3.0, alpha=0.25),
        "focal_weighted": focal(gamma=1.5, weight=weights),
        "focal_half": focal(gamma=0.5),
        "focal_zero": focal(gamma=0.0),
    } | overlaps(logits, hot, known, "softmax", 1)


def of_masks(logits, truth):
    """Structures that overlap."""
    known = (truth != IGNORE).float()
    hot = truth * known
    bce = lambda **more: F.binary_cross_entropy_with_logits(logits, hot, reduction="none", **more)
    # Keras' label smoothing of masks.
    smooth = lambda part, **more: F.binary_cross_entropy_with_logits(logits, hot * (1 - part) + part / 2, reduction="none", **more)
    mean = lambda values: (values * known).sum() / known.sum()
    focal = lambda **more: mean(FocalLoss(reduction="none", **more)(logits, hot))
    return {
        "binary_cross_entropy": mean(bce()),
        "binary_cross_entropy_weighted": mean(bce(weight=w5.expand(shape))),
        "binary_cross_entropy_positive": mean(bce(pos_weight=p5)),
        "binary_cross_entropy_both": mean(bce(weight=w5.expand(shape), pos_weight=p5)),
        "binary_cross_entropy_smooth": mean(smooth(0.1)),
        "binary_cross_entropy_smooth_both": mean(smooth(0.3, weight=w5.expand(shape), pos_weight=p5)),
        "binary_cross_entropy_smooth_top": largest(smooth(0.2, weight=w5.expand(shape), pos_weight=p5)[known > 0], 0.25),
        "binary_cross_entropy_top": largest(bce(pos_weight=p5)[known > 0], 0.1),
        "focal": focal(gamma=2.0),
        "focal_alpha": focal(gamma=3.0, alpha=0.25),
        "focal_weighted": focal(gamma=1.5, weight=weights),
        "focal_half": focal(gamma=0.5),
    } | overlaps(logits, hot, known, "sigmoid", 0)


def absent(truth, structure):
    truth = truth.clone()
    truth[truth == structure] = 0
    return truth


def holes(truth):
    """Every fifth voxel is not known."""
    truth = truth.clone()
    truth[..., ::5] = IGNORE
    truth.view(truth.shape[0], -1)[:, 7::5] = IGNORE
    return truth


one_voxel = torch.zeros_like(classes)
one_voxel[0, 0, 0, 0] = 1
empty_mask = masks.clone()
empty_mask[:, 1] = 0
one_voxel_mask = torch.zeros_like(masks)
one_voxel_mask[1, 2, 1, 2, 2] = 1
full = torch.full_like(classes, 2)
half_known = masks.clone()
half_known[:, :, 1] = IGNORE
truths = [
    ("random classes", classes, of_classes),
    ("an empty class", absent(classes, 1), of_classes),
    ("one class everywhere", full, of_classes),
    ("one voxel", one_voxel, of_classes),
    ("some classes not known", holes(classes), of_classes),
    ("random masks", masks, of_masks),
    ("an empty mask", empty_mask, of_masks),
    ("masks everywhere", torch.ones_like(masks), of_masks),
    ("one voxel of one mask", one_voxel_mask, of_masks),
    ("some masks not known", half_known, of_masks),
]
cases = []
for name, truth, terms in truths:
    values = terms(logits, truth)
    grad = lambda loss: torch.autograd.grad(loss, logits, retain_graph=True)[0].flatten().tolist()
    rounded = lambda values: [round(value, 7) for value in values]
    cases.append({
        "name": name,
        "overlapping": terms is of_masks,
        "truth": [int(value) for value in truth.flatten().tolist()],
        "expected": {term: value.item() for term, value in values.items()},
        "gradients": {term: rounded(grad(value)) for term, value in values.items()},
    })
print(json.dumps({
    "torch": torch.__version__.split("+")[0],
    "shape": shape,
    "logits": logits.flatten().tolist(),
    "class_weights": weights.double().tolist(),
    "positive_weights": positive.double().tolist(),
    "cases": cases,
}))
