//! The report and the 3D page in a real browser, at 4 and at 117 structures, light and dark, on a screen and on a phone.
//!
//! `SEGSPEC_SCREENSHOTS=DIR` keeps the pictures and the printed page for a person.

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ndarray::Array3;
use segspec_testing::browser::{Browser, browser};
use serde_json::json;

use super::fixture::{Size, input, target};
use crate::evaluate::examples::Rank;
use crate::report::panel::save;
use crate::report::scene::{self, Detail};
use crate::report::{Panel, Report, panel, write};
use crate::volume::{Geometry, LabelMap, Segmentation, Volume};

const SCREEN: [u32; 2] = [1400, 900];
const PHONE: [u32; 2] = [390, 844];

/// Blocks of one structure each on a grid, in the prediction moved and smaller; the last structure is missed.
fn labels(structures: usize, shift: usize) -> LabelMap {
    let per_row = 6;
    let rows = structures.div_ceil(per_row * per_row);
    let shape = [10 * rows + 4, 10 * per_row + 4, 10 * per_row + 4];
    let voxels = Array3::from_shape_fn(shape, |(z, y, x)| {
        let [z, y, x] = [z, y, x].map(|index| index.wrapping_sub(shift));
        let inside = [z, y, x].iter().all(|index| *index < 1000 && (2..8 - shift).contains(&(index % 10)));
        let number = (z / 10 * per_row + y / 10) * per_row + x / 10;
        let missed = shift > 0 && number + 1 == structures;
        if inside && number < structures && !missed && x / 10 < per_row && y / 10 < per_row {
            number as u16 + 1
        } else {
            0
        }
    });
    LabelMap { voxels, geometry: Geometry::axis_aligned(shape, [1.5, 1.0, 1.0]) }
}

fn look(browser: &mut Browser, name: &str) {
    let Some(folder) = std::env::var_os("SEGSPEC_SCREENSHOTS") else { return };
    let path = Path::new(&folder).join(format!("{name}.png"));
    fs::write(path, STANDARD.decode(browser.picture()).unwrap()).unwrap();
}

/// Texts of a chart that lie on each other.
const OVERLAPS: &str = r#"[...document.querySelectorAll(".chart svg")].flatMap((svg) => {
  const boxes = [...svg.querySelectorAll("text")].map((text) => [text.getBoundingClientRect(), text.textContent.trim()]);
  const found = [];
  boxes.forEach(([a, one], i) => boxes.slice(i + 1).forEach(([b, other]) => {
    const across = Math.min(a.right, b.right) - Math.max(a.left, b.left), down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    if (across > 3 && down > 5) found.push(`${svg.getAttribute("aria-label")}: ${one} | ${other}`);
  }));
  return found;
})"#;

/// Parts that reach beyond the window and can't be scrolled to.
const CUT: &str = r#"[...document.querySelectorAll("body *")].filter((part) => {
  const box = part.getBoundingClientRect();
  return box.width > 0 && box.right > innerWidth + 1 && !part.closest(".scroll, .chart, pre");
}).map((part) => part.outerHTML.slice(0, 120))"#;

const FRAMES: &str = r#"[...document.querySelectorAll(".scroll, .chart")].filter((part) => part.scrollWidth > part.clientWidth + 1)
  .map((part) => `${part.scrollWidth} > ${part.clientWidth}: ${part.textContent.slice(0, 80)}`)"#;

/// A report with pictures and 3D pages in a folder.
fn report(folder: &Path, structures: usize, trials: usize) -> (Report, std::path::PathBuf) {
    let mut input = input(&Size { structures, cases: 14, trials, seeds: 2, epochs: 12 });
    let (reference, found) = (labels(structures, 0), labels(structures, 1));
    let image = reference.voxels.mapv(|value| f32::from(value % 7)).insert_axis(ndarray::Axis(0));
    let image = Volume { voxels: image, geometry: reference.geometry.clone() };
    let (target, predicted) = (target(structures), Segmentation::Labels(found));
    let rendered = panel::render("case_003", "mean Dice 0.5", &image, &reference, &predicted, &target).unwrap();
    let files = folder.join("run");
    fs::create_dir_all(&files).unwrap();
    let place = |name: &str| files.join(name);
    save(&rendered, &place("worst-case_003.png")).unwrap();
    let known = scene::of_target(&target, false);
    let reference = Segmentation::Labels(reference);
    let made = scene::build(&known, Some(&reference), Some(&predicted), &Detail::default()).unwrap();
    fs::write(place("worst-case_003-3d.html"), scene::render(&made, "Worst case: case_003", "test").unwrap()).unwrap();
    fs::write(place("worst-case_003.gif"), scene::turn(&made, 160).unwrap()).unwrap();
    for run in &mut input.runs {
        run.panels.push(Panel {
            rank: Rank::Worst,
            case: "case_003".into(),
            picture: place("worst-case_003.png"),
            scene: Some(place("worst-case_003-3d.html")),
            turning: Some(place("worst-case_003.gif")),
        });
    }
    let report = Report::new(input).unwrap();
    let page = write(&report, &folder.join("report")).unwrap().page;
    (report, page)
}

#[test]
fn the_report_is_whole_in_a_browser() {
    let Some(mut browser) = browser() else { return };
    for (structures, trials) in [(4, 3), (117, 1)] {
        let folder = tempfile::tempdir().unwrap();
        let (_, page) = report(folder.path(), structures, trials);
        for (size, dark) in [(SCREEN, false), (SCREEN, true), (PHONE, false), (PHONE, true)] {
            let name = format!("report-{structures}-{}-{}", size[0], if dark { "dark" } else { "light" });
            browser.open(&page, size, dark);
            assert_eq!(browser.problems, Vec::<String>::new(), "{name}");
            let nothing = json!([]);
            assert_eq!(browser.value("document.scrollingElement.scrollWidth <= innerWidth"), json!(true), "{name}");
            assert_eq!(browser.value(CUT), nothing, "{name}");
            if size == SCREEN {
                browser.value("document.querySelectorAll('details').forEach((part) => (part.open = true))");
                assert_eq!(browser.value(FRAMES), nothing, "{name}");
                assert_eq!(browser.value(OVERLAPS), nothing, "{name}");
            }
            let background = browser.value("getComputedStyle(document.body).backgroundColor");
            assert_eq!(background == json!("rgb(255, 255, 255)"), !dark, "{name}: {background}");
            look(&mut browser, &name);
        }
        sorts_and_filters(&mut browser, &page);
        prints_everything(&mut browser, &page, structures);
    }
}

fn sorts_and_filters(browser: &mut Browser, page: &Path) {
    browser.open(page, SCREEN, false);
    let cases =
        "[...document.querySelectorAll('h3')].find((it) => it.textContent.includes('worst first')).nextElementSibling";
    let column = format!(
        "(() => {{ let part = {cases}; while (!part.querySelector('table')) part = part.nextElementSibling; window.table = \
         part.querySelector('table'); return [...table.tBodies[0].rows].map((row) => parseFloat(row.cells[1].textContent)); }})()"
    );
    let values = |found: serde_json::Value| -> Vec<f64> {
        found.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
    };
    let worst_first = values(browser.value(&column));
    assert!(worst_first.is_sorted() && worst_first.len() == 14, "{worst_first:?}");
    browser.value("table.tHead.rows[0].cells[1].querySelector('button').click()");
    assert!(values(browser.value(&column)).iter().rev().is_sorted());
    browser.value(
        "(() => { const filter = table.parentElement.previousElementSibling.querySelector('input'); filter.value = 'case_007'; \
         filter.dispatchEvent(new Event('input')); })()",
    );
    assert_eq!(browser.value("[...table.tBodies[0].rows].filter((row) => !row.hidden).length"), json!(1));
}

fn prints_everything(browser: &mut Browser, page: &Path, structures: usize) {
    browser.open(page, SCREEN, false);
    let pdf = STANDARD.decode(browser.print()).unwrap();
    assert!(pdf.starts_with(b"%PDF") && pdf.len() > 50_000, "{}", pdf.len());
    if let Some(folder) = std::env::var_os("SEGSPEC_SCREENSHOTS") {
        fs::write(Path::new(&folder).join(format!("report-{structures}.pdf")), pdf).unwrap();
    }
    // As wide as a sheet of A4, across.
    browser.call(
        "Emulation.setDeviceMetricsOverride",
        json!({ "width": 1032, "height": 700, "deviceScaleFactor": 1, "mobile": false }),
    );
    browser.call("Emulation.setEmulatedMedia", json!({ "media": "print" }));
    browser.value("dispatchEvent(new Event('beforeprint'))");
    assert_eq!(browser.value("document.querySelectorAll('details:not([open])').length"), json!(0));
    assert_eq!(browser.value(FRAMES), json!([]), "a printed table cannot be scrolled");
    browser.call("Emulation.setEmulatedMedia", json!({ "media": "" }));
}

/// Pixels of the canvas that are not empty, and the sum of their colours.
const PIXELS: &str = r#"new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => {
  const canvas = document.getElementById("canvas"), copy = document.createElement("canvas");
  [copy.width, copy.height] = [canvas.width, canvas.height];
  const flat = copy.getContext("2d");
  flat.drawImage(canvas, 0, 0);
  const data = flat.getImageData(0, 0, copy.width, copy.height).data;
  let [count, sum] = [0, 0];
  for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 8) { count++; sum += data[i] + 2 * data[i + 1] + 3 * data[i + 2]; }
  done([count, sum]);
})))"#;

#[test]
fn surfaces_are_drawn_turned_coloured_and_switched() {
    let Some(mut browser) = browser() else { return };
    for structures in [4, 117] {
        let folder = tempfile::tempdir().unwrap();
        let (_, report) = report(folder.path(), structures, 1);
        let page = report.with_file_name("cases").join("worst-case_003-3d.html");
        for (size, dark) in [(SCREEN, false), (PHONE, true)] {
            let name = format!("scene-{structures}-{}-{}", size[0], if dark { "dark" } else { "light" });
            browser.open(&page, size, dark);
            browser.wait_for("document.documentElement.dataset.ready === 'true'");
            let pixels = |browser: &mut Browser| -> (u64, u64) {
                let found = browser.value(PIXELS);
                (found[0].as_u64().unwrap(), found[1].as_u64().unwrap())
            };
            let first = pixels(&mut browser);
            assert!(first.0 > 3000, "{name}: {first:?}");
            look(&mut browser, &name);
            browser.value("document.getElementById('canvas').focus()");
            browser.press("ArrowRight");
            assert_ne!(pixels(&mut browser), first, "{name}: a key turns");
            browser.press("0");
            assert_eq!(pixels(&mut browser), first, "{name}: and another turns back");
            browser.value("document.getElementById('by-distance').click()");
            assert_ne!(pixels(&mut browser).1, first.1, "{name}: colours of distances");
            look(&mut browser, &format!("{name}-distance"));
            browser.value("document.getElementById('reference').click()");
            assert!(pixels(&mut browser).0 >= first.0, "{name}: the missed structure appears with the reference");
            browser.value("document.getElementById('none').click()");
            assert_eq!(pixels(&mut browser).0, 0, "{name}: none");
            browser.value("document.querySelector('#structures input').click()");
            assert!(pixels(&mut browser).0 > 0, "{name}: one");
            browser.value("document.getElementById('all').click()");
            let boxes = browser.value("document.querySelectorAll('#structures input').length");
            assert_eq!(boxes, json!(structures));
            assert_eq!(browser.value("document.scrollingElement.scrollWidth <= innerWidth"), json!(true), "{name}");
            assert_eq!(browser.problems, Vec::<String>::new(), "{name}");
        }
    }
}
