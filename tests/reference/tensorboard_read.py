"""What TensorBoard reads from a folder of event files, as JSON. Called by tests/it/track.rs: python tensorboard_read.py FOLDER

Ends with 77 where tensorboard is missing.
"""
import json, sys

try:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import plugin_data_pb2
    from tensorboard.util import tensor_util
except ImportError as missing:
    print(missing)
    sys.exit(77)

events = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0, "images": 0, "tensors": 0})
events.Reload()
tags = events.Tags()
found = {
    "scalars": {tag: [[e.step, e.value] for e in events.Scalars(tag)] for tag in tags["scalars"]},
    "images": {tag: [[e.height, e.width, e.encoded_image_string[:4].hex()] for e in events.Images(tag)] for tag in tags["images"]},
    "texts": {
        tag: [text.decode() for e in events.Tensors(tag) for text in tensor_util.make_ndarray(e.tensor_proto).reshape(-1)]
        for tag in tags["tensors"]
        if events.SummaryMetadata(tag).plugin_data.plugin_name == "text"
    },
}


def hparams(tag):
    data = plugin_data_pb2.HParamsPluginData()
    data.ParseFromString(events.SummaryMetadata(tag).plugin_data.content)
    return data


start = hparams("_hparams_/session_start_info").session_start_info
found["hparams"] = {key: getattr(value, value.WhichOneof("kind")) for key, value in start.hparams.items()}
found["group"] = start.group_name
found["metrics"] = [info.name.tag for info in hparams("_hparams_/experiment").experiment.metric_infos]
if "_hparams_/session_end_info" in tags["tensors"]:
    found["status"] = hparams("_hparams_/session_end_info").session_end_info.status
print(json.dumps(found))
