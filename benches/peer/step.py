"""The work of `cargo bench --bench cpu` in PyTorch: one training step and one inference of the same network.

    python step.py --features 32,64,128,256 --size 64,64,64 --batch 1      # depth 1: a 2D network
    python step.py --device cuda --precision bf16 --compile                # on a GPU: AMP, channels last, cuDNN's tuning
    python step.py --network vnet          # MONAI's, with PReLU; attention-unet: MONAI's; segformer: B0 of transformers, without dropout
    python step.py --sgemm                                                 # what matrix products reach here, in GFLOP/s

The U-Net has per stage two 3×3(×3) convolutions, instance norm with scale and shift, leaky ReLU 0.01; the first convolution of each later
stage has stride 2; 2×2(×2) transposed convolutions up, skips joined by channel, 1×1(×1) head with 3 classes. A step is forward,
cross-entropy, backward and AdamW. Prints one JSON line: medians in seconds and the peak of resident memory in MB.
"""
import argparse
import json
import resource
import statistics
import time

import torch
from torch import nn
from torch.nn import functional


def block(conv, norm, inputs, outputs, stride):
    layers = []
    for channels, step in ((inputs, stride), (outputs, 1)):
        layers += [conv(channels, outputs, 3, step, 1), norm(outputs, affine=True), nn.LeakyReLU(0.01, inplace=True)]
    return nn.Sequential(*layers)


class Unet(nn.Module):
    def __init__(self, flat, features, classes=3):
        super().__init__()
        conv, norm, up = (
            (nn.Conv2d, nn.InstanceNorm2d, nn.ConvTranspose2d) if flat else (nn.Conv3d, nn.InstanceNorm3d, nn.ConvTranspose3d)
        )
        inputs = [1, *features[:-1]]
        strides = [1] + [2] * (len(features) - 1)
        self.encoder = nn.ModuleList(block(conv, norm, i, o, s) for i, o, s in zip(inputs, features, strides))
        pairs = list(zip(features[1:], features[:-1]))[::-1]
        self.up = nn.ModuleList(up(coarse, fine, 2, 2) for coarse, fine in pairs)
        self.decoder = nn.ModuleList(block(conv, norm, 2 * fine, fine, 1) for _, fine in pairs)
        self.head = conv(features[0], classes, 1)

    def forward(self, x):
        skips = []
        for stage in self.encoder:
            x = stage(x)
            skips.append(x)
        for up, stage, skip in zip(self.up, self.decoder, skips[-2::-1]):
            x = stage(torch.cat([up(x), skip], 1))
        return self.head(x)


class Segformer(nn.Module):
    def __init__(self):
        super().__init__()
        from transformers import SegformerConfig, SegformerForSemanticSegmentation

        nothing = dict(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, classifier_dropout_prob=0.0, drop_path_rate=0.0)
        self.net = SegformerForSemanticSegmentation(SegformerConfig(num_channels=1, num_labels=3, **nothing))

    def forward(self, x):
        return functional.interpolate(self.net(x).logits, size=x.shape[2:], mode="bilinear", align_corners=False)


def build(name, flat, features):
    if name == "unet":
        return Unet(flat, features)
    if name == "segformer":
        return Segformer()
    from monai.networks.nets import AttentionUnet, VNet

    dimensions = 2 if flat else 3
    if name == "vnet":
        return VNet(dimensions, 1, 3, act="prelu", dropout_prob_down=0.0, dropout_prob_up=(0.0, 0.0))
    return AttentionUnet(dimensions, 1, 3, features, [2] * (len(features) - 1))


def median(work, steps, warmup=2, wait=lambda: None):
    times = []
    for step in range(warmup + steps):
        start = time.perf_counter()
        work()
        wait()
        times.append(time.perf_counter() - start)
    return statistics.median(times[warmup:])


def sgemm(size=2048):
    a, b = torch.randn(size, size), torch.randn(size, size)
    seconds = min(median(lambda: a @ b, 3) for _ in range(3))
    print(json.dumps({"gflops": 2 * size**3 / seconds / 1e9}))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--network", default="unet", choices=["unet", "attention-unet", "vnet", "segformer"])
    parser.add_argument("--features", default="32,64,128,256")
    parser.add_argument("--size", default="64,64,64")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--sgemm", action="store_true")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="f32", choices=["f32", "bf16"])
    parser.add_argument("--compile", action="store_true")
    options = parser.parse_args()
    if options.sgemm:
        return sgemm()
    torch.manual_seed(0)
    size = [int(length) for length in options.size.split(",")]
    flat = size[0] == 1
    size = size[1:] if flat else size
    gpu = options.device != "cpu"
    torch.backends.cudnn.benchmark = True
    layout = torch.channels_last if flat else torch.channels_last_3d
    net = build(options.network, flat, [int(count) for count in options.features.split(",")]).to(options.device)
    images = torch.randn(options.batch, 1, *size, device=options.device)
    truth = torch.randint(0, 3, (options.batch, *size), device=options.device)
    if gpu:
        net, images = net.to(memory_format=layout), images.to(memory_format=layout)
    optimiser = torch.optim.AdamW(net.parameters(), 1e-3)
    run = torch.compile(net) if options.compile else net
    wait = torch.cuda.synchronize if gpu else lambda: None

    def forward():
        with torch.autocast(options.device, torch.bfloat16, enabled=options.precision == "bf16"):
            return run(images)

    def train():
        optimiser.zero_grad(set_to_none=True)
        functional.cross_entropy(forward().float(), truth).backward()
        optimiser.step()

    warmup = 10 if gpu else 2
    step = median(train, options.steps, warmup, wait)
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    peak = (torch.cuda.max_memory_allocated() if gpu else resident) / 1e6
    net.eval()
    with torch.inference_mode():
        inference = median(forward, options.steps, warmup, wait)
    print(json.dumps({"name": f"PyTorch {torch.__version__}", "step": step, "inference": inference, "peak": peak}))


main()
