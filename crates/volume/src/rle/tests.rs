//! Runs by hand, there and back, and every image of a published table against its mask picture.

use std::collections::BTreeMap;
use std::io::Write;

use ndarray::{Array2, array};
use proptest::prelude::*;

use super::*;
use crate::{ReadError, raster};

#[test]
fn the_competitions_example_in_both_orders() {
    let rows = decode("1 3 10 5", [3, 5], Order::RowMajor).unwrap();
    assert_eq!(rows, array![[1, 1, 1, 0, 0], [0, 0, 0, 0, 1], [1, 1, 1, 1, 0]]);
    let columns = decode("1 3 10 5", [5, 3], Order::ColumnMajor).unwrap();
    assert_eq!(columns, rows.t());
    assert_eq!(decode(" \n", [2, 2], Order::RowMajor).unwrap(), Array2::<u8>::zeros([2, 2]));
    assert_eq!(encode(Array2::zeros([2, 2]).view(), Order::RowMajor), "");
}

#[test]
fn what_is_no_run_is_named() {
    let error = |runs: &str| decode(runs, [4, 5], Order::ColumnMajor).unwrap_err().to_string();
    assert_eq!(error("1 2 x 3"), "run 2: `x` is not a whole number");
    assert_eq!(error("1 -2"), "run 1: `-2` is not a whole number");
    assert_eq!(error("1 2 3"), "run 2 has a start but no length");
    assert_eq!(error("0 3"), "run 1 is `0 3`: starts and lengths count from 1");
    assert_eq!(error("3 0"), "run 1 is `3 0`: starts and lengths count from 1");
    assert_eq!(error("20 2"), "run 1 is `20 2`, beyond the 4 × 5 pixels of the image (height × width)");
    assert_eq!(error("1 3 3 1"), "run 2 begins at 3, before the end of the run before it");
    assert!(error(&format!("{} {}", usize::MAX, usize::MAX)).contains("beyond"));
}

fn masks() -> impl Strategy<Value = Array2<u8>> {
    (1..9_usize, 1..9_usize).prop_flat_map(|(height, width)| {
        let pixels = prop::collection::vec(0..2_u8, height * width);
        pixels.prop_map(move |pixels| Array2::from_shape_vec([height, width], pixels).unwrap())
    })
}

proptest! {
    #[test]
    fn there_and_back(mask in masks(), rows in any::<bool>()) {
        let order = if rows { Order::RowMajor } else { Order::ColumnMajor };
        let (height, width) = mask.dim();
        prop_assert_eq!(decode(&encode(mask.view(), order), [height, width], order).unwrap(), mask);
    }

    #[test]
    fn any_text_is_a_mask_or_an_error(text in "[0-9 x\u{e9}-]{0,30}") {
        let _ = decode(&text, [7, 9], Order::RowMajor);
        let _ = decode(&text, [0, 9], Order::ColumnMajor);
    }
}

fn table(content: &str, columns: &Columns) -> Result<Vec<Row>, ReadError> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(content.as_bytes()).unwrap();
    Table::open(file.path(), columns)?.collect()
}

#[test]
fn rows_know_their_lines() {
    let text = "id,class,segmentation\ncase1,stomach,1 2\ncase1,large bowel,\n\"case2\",stomach,\"7 9\n 20 1\"\ncase3,stomach,3\n";
    let rows = table(text, &Columns::BY_CLASS).unwrap();
    let seen: Vec<_> = rows.iter().map(|row| (row.place.line, row.image.as_str(), row.runs.is_empty())).collect();
    assert_eq!(seen, [(2, "case1", false), (3, "case1", true), (4, "case2", false), (6, "case3", false)]);
    assert_eq!(rows[1].structure.as_deref(), Some("large bowel"));
    assert_eq!(rows[1].mask([2, 2], Order::RowMajor).unwrap().sum(), 0);
    assert_eq!(rows[2].mask([5, 4], Order::RowMajor).unwrap().sum(), 10);
    let error = rows[3].mask([5, 4], Order::RowMajor).unwrap_err().to_string();
    assert!(error.ends_with("damaged file: line 6, image case3: run 1 has a start but no length"), "{error}");
}

#[test]
fn wrong_tables_name_the_line_or_the_column() {
    let error = |text: &str| table(text, &Columns::BY_OBJECT).unwrap_err().to_string();
    assert!(error("id,class\n").contains("has no column `ImageId`, only id, class"));
    assert!(error("").contains("has no column `ImageId`"));
    assert!(
        error("ImageId,EncodedPixels\na,1 2\nb\n").contains("line: 3"),
        "{}",
        error("ImageId,EncodedPixels\na,1 2\nb\n")
    );
    assert!(matches!(Table::open("none.csv".as_ref(), &Columns::BY_OBJECT), Err(ReadError::Open { .. })));
    let rows = table("\u{feff}ImageId,EncodedPixels\na,1 2\n", &Columns::BY_OBJECT).unwrap();
    assert_eq!(rows[0].image, "a");
}

/// Masks of all objects of an image together, against the picture that was published with the table.
#[test]
fn nuclei_of_the_data_science_bowl_equal_their_mask_pictures() {
    let Some(root) = segspec_testing::data() else { return };
    let folder = root.join("nuclei_dsb2018");
    let mut pictures = BTreeMap::new();
    for entry in std::fs::read_dir(folder.join("masks")).unwrap() {
        let path = entry.unwrap().path();
        let mask = raster::read_label_map(&path, &raster::MaskForm::Nonzero).unwrap();
        let [_, height, width] = mask.geometry.shape;
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        pictures.insert(name, (mask.voxels, Array2::<u8>::zeros([height, width])));
    }
    let mut rows = 0;
    for row in Table::open(&folder.join("rle_colmajor_shared.csv"), &Columns::BY_OBJECT).unwrap() {
        let row = row.unwrap();
        let Some((_, mask)) = pictures.get_mut(&row.image) else { continue };
        let (height, width) = mask.dim();
        let object = row.mask([height, width], Order::ColumnMajor).unwrap();
        assert_eq!(encode(object.view(), Order::ColumnMajor), row.runs, "line {}", row.place.line);
        *mask |= &object;
        rows += 1;
    }
    assert!(pictures.len() > 20 && rows > 500, "{} pictures, {rows} rows", pictures.len());
    for (name, (picture, mask)) in &pictures {
        let picture = picture.index_axis(ndarray::Axis(0), 0).mapv(|value| value as u8);
        assert_eq!(mask, picture, "{name}");
    }
}

#[test]
fn damaged_tables_neither_panic_nor_mark_pixels_outside() {
    let text = "id,class,segmentation\ncase1_day1_slice_0001,stomach,3 4 20 2\ncase1_day1_slice_0001,large_bowel,\n";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train.csv");
    std::fs::write(&path, text).unwrap();
    let read = segspec_testing::damage::survive(&path, 2000, |path| {
        for row in Table::open(path, &Columns::BY_CLASS)? {
            let row = row?;
            let Ok(mask) = row.mask([6, 7], Order::RowMajor) else { continue };
            assert_eq!(mask.dim(), (6, 7));
        }
        Ok::<(), ReadError>(())
    });
    assert!((1..2000).contains(&read), "{read}");
}
