"""Runs an exported MONAI bundle on images: bundle_check.py BUNDLE IMAGES PREDICTIONS.

Takes the parts of configs/inference.json in the order of its evaluator, which would need pytorch-ignite. Exit code 77 if a
module is missing.
"""

import logging
import os
import sys
import warnings

try:
    import nibabel  # noqa: F401
    import safetensors  # noqa: F401
    import torch
    from monai.bundle import ConfigParser
    from monai.data import decollate_batch
except ImportError as missing:
    print(missing.name)
    sys.exit(77)

warnings.filterwarnings("ignore")
logging.disable(logging.INFO)
bundle, images, predictions = (os.path.abspath(path) for path in sys.argv[1:])
os.chdir(bundle)
sys.path.insert(0, bundle)

parser = ConfigParser()
parser.read_config("configs/inference.json")
parser.read_meta("configs/metadata.json")
parser["dataset_dir"], parser["output_dir"] = images, predictions
parser.parse()
network, inferer, after = (parser.get_parsed_content(name) for name in ("network", "inferer", "postprocessing"))
done = 0
for batch in parser.get_parsed_content("dataloader"):
    with torch.inference_mode():
        batch["pred"] = inferer(batch["image"], network)
    for item in decollate_batch(batch):
        after(item)
        done += 1
print(done)
