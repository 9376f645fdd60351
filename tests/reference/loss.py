"""Reference values of the losses, from PyTorch and MONAI: python loss.py > loss.json (torch, numpy, monai)."""
import json

import torch
import torch.nn.functional as F
from monai.losses import DiceLoss, GeneralizedDiceLoss, TverskyLoss

torch.manual_seed(1)
shape = (2, 3, 2, 4, 4)
logits = (torch.randn(shape) * 2).requires_grad_()
classes = torch.randint(0, 3, (2, 2, 4, 4))
masks = (torch.rand(shape) < 0.4).float()
weights = torch.tensor([0.2, 1.0, 3.0])


def dice(p, t, axes, skip, smooth=1e-5):
    value = (2 * (p * t).sum(axes) + smooth) / (p.sum(axes) + t.sum(axes) + smooth)
    return 1 - value[..., skip:].mean()


hot = F.one_hot(classes, 3).permute(0, 4, 1, 2, 3).float()
p = logits.softmax(1)
ce = F.cross_entropy(logits, classes)
batch = dice(p, hot, (0, 2, 3, 4), 1)
w5 = weights.view(1, 3, 1, 1, 1)
expected = {
    "cross_entropy": ce,
    "cross_entropy_weighted": F.cross_entropy(logits, classes, weight=weights),
    "binary_cross_entropy": F.binary_cross_entropy_with_logits(logits, masks),
    "binary_cross_entropy_weighted": F.binary_cross_entropy_with_logits(logits, masks, weight=w5.expand(shape)),
    "dice_batch": batch,
    "dice_sample": dice(p, hot, (2, 3, 4), 1),
    "dice_background": dice(p, hot, (0, 2, 3, 4), 0),
    "dice_sigmoid": dice(logits.sigmoid(), masks, (0, 2, 3, 4), 0),
}


def overlaps(logits, hot):
    """MONAI's losses; a mean over patches and structures is theirs of one patch at a time."""
    background = dict(include_background=False)
    softmax = dict(softmax=True, smooth_nr=1e-5, smooth_dr=1e-5)
    # MONAI's Jaccard doubles numerator and denominator: so do its constants.
    doubled = dict(softmax=True, smooth_nr=2e-5, smooth_dr=2e-5)
    tversky = dict(alpha=0.3, beta=0.7)
    index = TverskyLoss(**background, **softmax, **tversky, batch=True, reduction="none")(logits, hot)
    return {
        "jaccard_batch": DiceLoss(**background, **doubled, jaccard=True, batch=True)(logits, hot),
        "jaccard_sample_background": DiceLoss(**doubled, jaccard=True)(logits, hot),
        "generalized_dice_batch": GeneralizedDiceLoss(**background, **softmax, batch=True)(logits, hot),
        "generalized_dice_sample": GeneralizedDiceLoss(**background, **softmax)(logits, hot),
        "tversky_batch": index.mean(),
        "tversky_sample": TverskyLoss(**background, **softmax, **tversky)(logits, hot),
        "focal_tversky": index.clamp_min(1e-7).pow(0.75).mean(),
    }


expected |= overlaps(logits, hot)
sigmoid = dict(sigmoid=True)
expected["jaccard_sigmoid"] = DiceLoss(**sigmoid, jaccard=True, smooth_nr=2e-5, smooth_dr=2e-5)(logits, masks)
expected["tversky_sigmoid"] = TverskyLoss(**sigmoid, alpha=0.3, beta=0.7, smooth_nr=1e-5, smooth_dr=1e-5)(logits, masks)

empty, full, single = classes.clone(), torch.full_like(classes, 2), torch.zeros_like(classes)
empty[empty == 1] = 0
single[0, 0, 0, 0] = 1
degenerate = {}
for name, truth in (("empty class", empty), ("one class everywhere", full), ("one voxel", single)):
    one_hot = F.one_hot(truth, 3).permute(0, 4, 1, 2, 3).float()
    values = overlaps(logits, one_hot)
    values |= {"cross_entropy": F.cross_entropy(logits, truth), "dice_batch": dice(p, one_hot, (0, 2, 3, 4), 1)}
    degenerate[name] = {"classes": truth.flatten().tolist(), "expected": {k: v.item() for k, v in values.items()}}

grad = lambda loss: torch.autograd.grad(loss, logits, retain_graph=True)[0].flatten().tolist()
differentiated = ["cross_entropy", "dice_batch", "jaccard_batch", "generalized_dice_batch", "tversky_batch", "focal_tversky"]
print(json.dumps({
    "torch": torch.__version__.split("+")[0],
    "shape": shape,
    "logits": logits.flatten().tolist(),
    "classes": classes.flatten().tolist(),
    "masks": masks.flatten().tolist(),
    "class_weights": weights.double().tolist(),
    "expected": {k: v.item() for k, v in expected.items()},
    "gradients": {name: grad(expected[name]) for name in differentiated},
    "degenerate": degenerate,
}))
