//! Headers and images in two files.

use super::*;

#[test]
fn pairs_read_as_in_nibabel_from_either_file() {
    let pairs = reference().pairs;
    assert_eq!(pairs.len(), 5);
    for expected in &pairs {
        let folder = tempfile::tempdir().unwrap();
        for (file, content) in &expected.files {
            std::fs::write(folder.path().join(file), BASE64_STANDARD.decode(content).unwrap()).unwrap();
        }
        for file in expected.files.keys() {
            assert_same(&folder.path().join(file), expected);
        }
    }
}

#[test]
fn half_a_pair_names_the_other_half() {
    let folder = tempfile::tempdir().unwrap();
    let (header, image) = (folder.path().join("case.hdr"), folder.path().join("case.img.gz"));
    let pair = reference().pairs.swap_remove(0);
    std::fs::write(&header, BASE64_STANDARD.decode(&pair.files["case.hdr"]).unwrap()).unwrap();
    let error = read_header(&header).unwrap_err().to_string();
    assert!(error.contains("half of a pair without case.img beside it"), "{error}");
    std::fs::rename(&header, &image).unwrap();
    let error = read_header(&image).unwrap_err().to_string();
    assert!(error.contains("half of a pair without case.hdr beside it"), "{error}");
}

#[test]
fn a_short_image_of_a_pair_is_damage_by_its_own_name() {
    let folder = tempfile::tempdir().unwrap();
    let pair = reference().pairs.swap_remove(0);
    for (file, content) in &pair.files {
        std::fs::write(folder.path().join(file), BASE64_STANDARD.decode(content).unwrap()).unwrap();
    }
    std::fs::write(folder.path().join("case.img"), [0; 47]).unwrap();
    let error = read_volume(&folder.path().join("case.hdr")).unwrap_err();
    assert!(matches!(&error, ReadError::Damaged { path, .. } if path.ends_with("case.img")), "{error}");
}
