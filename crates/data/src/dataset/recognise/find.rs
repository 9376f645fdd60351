//! What a finder says about a folder: its layout, and what else it knows.

use crate::dataset::spec::{Channel, Labels, Layout, Modality, Split, Structure};

/// A layout that fits the folder. What is `None` is found out from the files.
#[derive(Clone, Debug)]
pub(super) struct Find {
    /// Name of the layout in messages.
    pub name: &'static str,
    /// The layout.
    pub layout: Layout,
    /// Channels, where there are several.
    pub channels: Option<Vec<Channel>>,
    /// Modality.
    pub modality: Option<Modality>,
    /// Structures.
    pub structures: Option<Vec<Structure>>,
    /// Merged targets, ignored values and others.
    pub labels: Labels,
    /// How to split.
    pub split: Option<Split>,
    /// The file that the split is from.
    pub split_from: String,
    /// Whether the user names that file.
    pub split_is_stated: bool,
    /// Regular expression of the patient in a case's name.
    pub group_by: Option<String>,
    /// Targets of the experiment, if they are not simply the structures.
    pub targets: Vec<String>,
    /// Assumptions, for the user to verify.
    pub guesses: Vec<String>,
    /// Lists that were read: paths.
    pub lists: Vec<String>,
    /// Files that are left out, and why: beginning of a path, reason.
    pub left_out: Vec<(String, String)>,
}

impl Find {
    /// A layout about which nothing else is known.
    pub fn new(name: &'static str, layout: Layout) -> Self {
        Self {
            name,
            layout,
            channels: None,
            modality: None,
            structures: None,
            labels: Labels::default(),
            split: None,
            split_from: String::new(),
            split_is_stated: false,
            group_by: None,
            targets: Vec::new(),
            guesses: Vec::new(),
            lists: Vec::new(),
            left_out: Vec::new(),
        }
    }
}

/// Words in a file or folder name that mark it as a label.
const LABEL_WORDS: [&str; 24] = [
    "label",
    "labels",
    "labelstr",
    "lbl",
    "seg",
    "segs",
    "segm",
    "segmentation",
    "segmentations",
    "mask",
    "masks",
    "gt",
    "groundtruth",
    "ground",
    "truth",
    "annotation",
    "annotations",
    "contour",
    "contours",
    "roi",
    "rois",
    "dseg",
    "lesion",
    "manual",
];

/// Words in a folder name that mark images as test images without labels.
const TEST_WORDS: [&str; 6] = ["imagests", "labelsts", "test", "testing", "ts", "inference"];

/// The words of a text, in lower case: letters between other characters.
pub(super) fn words(text: &str) -> Vec<String> {
    let lower = text.to_ascii_lowercase();
    lower
        .split(|letter: char| !letter.is_ascii_alphabetic())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Whether a name or path has a word for labels.
pub(super) fn is_label(text: &str) -> bool {
    words(text).iter().any(|word| LABEL_WORDS.contains(&word.as_str()))
}

/// Whether a folder's path says that it holds test data.
pub(super) fn is_test(folder: &str) -> bool {
    words(folder).iter().any(|word| TEST_WORDS.contains(&word.as_str()))
}

/// Contrasts of MR and other modalities as file names call them.
const CONTRASTS: [&str; 36] = [
    "t1", "t1w", "t1c", "t1ce", "t1gd", "t1n", "t2", "t2w", "t2f", "t2star", "t2starw", "t2s", "flair", "dwi", "adc",
    "pd", "pdw", "swi", "bold", "asl", "mprage", "tof", "ct", "pet", "suv", "dce", "inphase", "outphase", "water",
    "fat", "unit1", "megre", "cbct", "us", "mr", "mri",
];

/// Whether a text is the name of a contrast.
pub(super) fn is_contrast(text: &str) -> bool {
    CONTRASTS.contains(&text.to_ascii_lowercase().as_str())
}

/// The modality that a name begins with.
pub(super) fn modality_of(name: &str) -> Option<Modality> {
    let name = name.to_ascii_lowercase();
    let starts = |words: &[&str]| words.iter().any(|word| name.starts_with(word));
    match () {
        () if starts(&["ct", "cbct"]) => Some(Modality::Ct),
        () if starts(&["mr", "t1", "t2", "flair", "adc", "dwi", "swi"]) || name == "pdw" => Some(Modality::Mr),
        () if starts(&["pet", "suv"]) => Some(Modality::Pet),
        () if name == "us" || starts(&["ultrasound"]) => Some(Modality::Us),
        () if ["rgb", "red", "green", "blue"].contains(&name.as_str()) => Some(Modality::Rgb),
        () if starts(&["microscopy"]) => Some(Modality::Microscopy),
        () => None,
    }
}
