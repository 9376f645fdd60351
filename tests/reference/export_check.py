"""Runs exported networks in onnxruntime and PyTorch and compares them with the logits that segspec computed.

    export_check.py FOLDER

FOLDER/cases.json lists networks: their folder, and inputs with our logits as raw float32 files. Prints a JSON list: for
each network the largest difference of either runtime, relative to the largest logit (at least 1). Exit code 77 if a module
is missing.
"""

import importlib.util
import json
import sys
from pathlib import Path

try:
    import numpy as np
    import onnx
    import onnxruntime
    import safetensors  # noqa: F401
    import torch
except ImportError as missing:
    print(missing.name)
    sys.exit(77)

torch.set_num_threads(2)


def array(folder, described):
    return np.fromfile(folder / described["file"], dtype=np.float32).reshape(described["shape"])


def session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def module(path):
    spec = importlib.util.spec_from_file_location("exported", path)
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found.load()


def check(root, case):
    folder = root / case["name"]
    onnx.checker.check_model(folder / "model.onnx", full_check=True)
    model = onnx.load(folder / "model.onnx", load_external_data=False)
    runtime = session(folder / "model.onnx")
    network = module(folder / "model.py")
    worst = {"onnx": 0.0, "pytorch": 0.0, "single": 0.0}
    for run in case["runs"]:
        images, ours = array(folder, run["images"]), array(folder, run["logits"])
        scale = max(1.0, float(np.abs(ours).max()))

        def compare(found, wanted):
            return float(np.abs(found - wanted).max()) / scale if found.shape == wanted.shape else 1e9

        worst["onnx"] = max(worst["onnx"], compare(runtime.run(None, {"images": images})[0], ours))
        # The length of the batch is free.
        worst["single"] = max(worst["single"], compare(runtime.run(None, {"images": images[:1]})[0], ours[:1]))
        with torch.inference_mode():
            worst["pytorch"] = max(worst["pytorch"], compare(network(torch.from_numpy(images)).numpy(), ours))
    refused = True
    if not case["dynamic"]:
        doubled = np.concatenate([images, images], axis=-1)
        try:
            runtime.run(None, {"images": doubled})
            refused = False
        except Exception:
            pass
    return {
        "name": case["name"],
        "opset": model.opset_import[0].version,
        "properties": {entry.key: entry.value for entry in model.metadata_props},
        "refuses_other_sizes": refused,
        **worst,
    }


def main():
    root = Path(sys.argv[1])
    cases = json.loads((root / "cases.json").read_text())
    print(json.dumps([check(root, case) for case in cases]))


if __name__ == "__main__":
    main()
