"""Reference values of the losses, from PyTorch: python loss.py > loss.json (torch, numpy)."""
import json

import torch
import torch.nn.functional as F

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
grad = lambda loss: torch.autograd.grad(loss, logits, retain_graph=True)[0].flatten().tolist()
print(json.dumps({
    "torch": torch.__version__.split("+")[0],
    "shape": shape,
    "logits": logits.flatten().tolist(),
    "classes": classes.flatten().tolist(),
    "masks": masks.flatten().tolist(),
    "class_weights": weights.double().tolist(),
    "expected": {k: v.item() for k, v in expected.items()},
    "gradient_cross_entropy": grad(ce),
    "gradient_dice": grad(batch),
}))
