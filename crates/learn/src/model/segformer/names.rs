//! Names of SegFormer's parameters at Hugging Face.

/// Names in checkpoints on the Hub (transformers before version 5), including those of the bare encoder.
pub(super) const HUB_NAMES: [(&str, &str); 16] = [
    (r"encoder\.stages\.(\d+)\.embedding\.(\w+)", "segformer.encoder.patch_embeddings.$1.proj.$2"),
    (r"encoder\.stages\.(\d+)\.embedding_norm\.norm\.(\w+)", "segformer.encoder.patch_embeddings.$1.layer_norm.$2"),
    (r"encoder\.stages\.(\d+)\.norm\.norm\.(\w+)", "segformer.encoder.layer_norm.$1.$2"),
    (r"encoder\.stages\.(\d+)\.blocks\.(\d+)\.norm\.norm\.(\w+)", "segformer.encoder.block.$1.$2.layer_norm_1.$3"),
    (
        r"encoder\.stages\.(\d+)\.blocks\.(\d+)\.second_norm\.norm\.(\w+)",
        "segformer.encoder.block.$1.$2.layer_norm_2.$3",
    ),
    (
        r"encoder\.stages\.(\d+)\.blocks\.(\d+)\.attention\.(query|key|value)\.(\w+)",
        "segformer.encoder.block.$1.$2.attention.self.$3.$4",
    ),
    (
        r"encoder\.stages\.(\d+)\.blocks\.(\d+)\.attention\.output\.(\w+)",
        "segformer.encoder.block.$1.$2.attention.output.dense.$3",
    ),
    (
        r"encoder\.stages\.(\d+)\.blocks\.(\d+)\.attention\.reduction\.(\w+)",
        "segformer.encoder.block.$1.$2.attention.self.sr.$3",
    ),
    (
        r"encoder\.stages\.(\d+)\.blocks\.(\d+)\.attention\.reduction_norm\.norm\.(\w+)",
        "segformer.encoder.block.$1.$2.attention.self.layer_norm.$3",
    ),
    (
        r"encoder\.stages\.(\d+)\.blocks\.(\d+)\.feed_forward\.first\.(\w+)",
        "segformer.encoder.block.$1.$2.mlp.dense1.$3",
    ),
    (
        r"encoder\.stages\.(\d+)\.blocks\.(\d+)\.feed_forward\.second\.(\w+)",
        "segformer.encoder.block.$1.$2.mlp.dense2.$3",
    ),
    (
        r"encoder\.stages\.(\d+)\.blocks\.(\d+)\.feed_forward\.(\w+)",
        "segformer.encoder.block.$1.$2.mlp.dwconv.dwconv.$3",
    ),
    (r"decoder\.projections\.(\d+)\.(\w+)", "decode_head.linear_c.$1.proj.$2"),
    (r"decoder\.classifier\.(\w+)", "decode_head.classifier.$1"),
    FUSE_CONV,
    FUSE_NORM,
];

/// Names in transformers 5.
pub(super) const TRANSFORMERS_NAMES: [(&str, &str); 18] = [
    (r"encoder\.stages\.(\d+)\.embedding\.(\w+)", "segformer.stages.$1.patch_embeddings.proj.$2"),
    (r"encoder\.stages\.(\d+)\.embedding_norm\.norm\.(\w+)", "segformer.stages.$1.patch_embeddings.layer_norm.$2"),
    (r"encoder\.stages\.(\d+)\.norm\.norm\.(\w+)", "segformer.stages.$1.layer_norm.$2"),
    (r"encoder\.stages\.(\d+)\.blocks\.(\d+)\.norm\.norm\.(\w+)", "segformer.stages.$1.blocks.$2.layernorm_before.$3"),
    (
        r"encoder\.stages\.(\d+)\.blocks\.(\d+)\.second_norm\.norm\.(\w+)",
        "segformer.stages.$1.blocks.$2.layernorm_after.$3",
    ),
    (
        r"encoder\.stages\.(\d+)\.blocks\.(\d+)\.attention\.query\.(\w+)",
        "segformer.stages.$1.blocks.$2.attention.q_proj.$3",
    ),
    (
        r"encoder\.stages\.(\d+)\.blocks\.(\d+)\.attention\.key\.(\w+)",
        "segformer.stages.$1.blocks.$2.attention.k_proj.$3",
    ),
    (
        r"encoder\.stages\.(\d+)\.blocks\.(\d+)\.attention\.value\.(\w+)",
        "segformer.stages.$1.blocks.$2.attention.v_proj.$3",
    ),
    (
        r"encoder\.stages\.(\d+)\.blocks\.(\d+)\.attention\.output\.(\w+)",
        "segformer.stages.$1.blocks.$2.attention.o_proj.$3",
    ),
    (
        r"encoder\.stages\.(\d+)\.blocks\.(\d+)\.attention\.reduction\.(\w+)",
        "segformer.stages.$1.blocks.$2.attention.sequence_reduction.sequence_reduction.$3",
    ),
    (
        r"encoder\.stages\.(\d+)\.blocks\.(\d+)\.attention\.reduction_norm\.norm\.(\w+)",
        "segformer.stages.$1.blocks.$2.attention.sequence_reduction.layer_norm.$3",
    ),
    (r"encoder\.stages\.(\d+)\.blocks\.(\d+)\.feed_forward\.first\.(\w+)", "segformer.stages.$1.blocks.$2.mlp.fc1.$3"),
    (r"encoder\.stages\.(\d+)\.blocks\.(\d+)\.feed_forward\.second\.(\w+)", "segformer.stages.$1.blocks.$2.mlp.fc2.$3"),
    (
        r"encoder\.stages\.(\d+)\.blocks\.(\d+)\.feed_forward\.(\w+)",
        "segformer.stages.$1.blocks.$2.mlp.dwconv.dwconv.$3",
    ),
    (r"decoder\.projections\.(\d+)\.(\w+)", "decode_head.linear_projections.$1.proj.$2"),
    (r"decoder\.classifier\.(\w+)", "decode_head.classifier.$1"),
    FUSE_CONV,
    FUSE_NORM,
];

const FUSE_CONV: (&str, &str) = (r"decoder\.fuse\.conv\.(\w+)", "decode_head.linear_fuse.$1");
const FUSE_NORM: (&str, &str) = (r"decoder\.fuse\.norm\.(\w+)", "decode_head.batch_norm.$1");
