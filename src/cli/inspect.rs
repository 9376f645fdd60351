//! `segspec inspect`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::{Exit, Failure};
use crate::counted;
use crate::report::text_table::TextTable;
use crate::volume::dicom::{Choice, Content, ContourFacts, Gaps, SeriesSummary};
use crate::volume::{Facts, ImageFacts, ReadError, SurfaceFacts, facts};

/// Describe image files: format, grid, values, structures, DICOM series
#[derive(Debug, Args)]
#[command(after_help = "\
Triples are [depth, height, width] in RAS orientation, as in every spec.

Examples:
  segspec inspect scan.nii.gz label.seg.nrrd
  segspec inspect dicom/ --series \"Abdomen 1.0\"
  segspec inspect rtstruct.dcm
  segspec inspect femur.stl --json")]
pub struct Inspect {
    /// Files, or folders of DICOM slices
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    series: SeriesArgs,
    /// Print JSON: one object per path, with the grid as stored and a checksum of the values
    #[arg(long)]
    json: bool,
}

/// Selects a series of a DICOM folder.
#[derive(Clone, Debug, Args)]
pub struct SeriesArgs {
    /// DICOM: SeriesInstanceUID, description, number or modality, if the folder holds several series
    #[arg(long, value_name = "NAME")]
    series: Option<String>,
    /// DICOM: stack to read if a series holds several, as listed by `segspec inspect`
    #[arg(long, value_name = "NAME")]
    stack: Option<String>,
    /// DICOM: interpolate missing slices instead of rejecting the series
    #[arg(long)]
    fill_gaps: bool,
}

impl SeriesArgs {
    /// The choice in the DICOM reader's type.
    pub fn choice(&self) -> Choice {
        let gaps = if self.fill_gaps { Gaps::Interpolate } else { Gaps::Refuse };
        Choice { series: self.series.clone(), stack: self.stack.clone(), gaps }
    }
}

/// Describes each path; unreadable paths are reported and set the exit code.
pub fn execute(args: Inspect) -> Result<Exit, Failure> {
    let choice = args.series.choice();
    let (mut objects, mut failures) = (Vec::new(), Vec::new());
    for path in &args.paths {
        match facts(path, &choice) {
            Ok(facts) if args.json => objects.push(to_json(path, &facts)),
            Ok(facts) => print!("{}", to_text(path, &facts)),
            Err(error) => {
                if args.json {
                    objects.push(json!({ "path": path, "error": error.to_string() }));
                }
                failures.push(error);
            }
        }
    }
    if args.json {
        println!("{:#}", Value::from(objects));
    }
    let count = failures.len();
    let of_machine = failures.iter().all(ReadError::is_environment);
    match failures.into_iter().next() {
        None => Ok(Exit::Ok),
        Some(error) if count == 1 => Err(error.into()),
        Some(error) => {
            let exit = if of_machine { Exit::Environment } else { Exit::BadData };
            Err(Failure::message(exit, format!("{error}\n{} cannot be read", counted(count - 1, "more path"))))
        }
    }
}

fn to_text(path: &Path, facts: &Facts) -> String {
    let body = match facts {
        Facts::Image(image) => image_text(image),
        Facts::Surface(surface) => surface_text(surface),
        Facts::Series(series) => series_text(series),
        Facts::Contours(contours) => contours_text(contours),
    };
    format!("{}\n{body}", path.display())
}

/// A folder's series, and which one is read without a choice.
fn series_text(series: &[SeriesSummary]) -> String {
    let lines: Vec<String> = series.iter().map(|series| format!("  {}\n", series.line())).collect();
    let mut images = series.iter().filter(|series| series.content == Content::Image);
    let read = match (images.next(), images.next()) {
        (Some(only), None) => format!("; {} \"{}\" is read without --series", only.modality, only.description),
        _ => "; choose one with --series, and --stack".into(),
    };
    format!("  {} DICOM series{read}\n{}", series.len(), lines.concat())
}

fn contours_text(contours: &ContourFacts) -> String {
    let mut text = format!("  format     DICOM RTSTRUCT (contours), \"{}\"\n", contours.label);
    for series in &contours.series {
        text += &format!("  drawn on   series {series}\n");
    }
    text += "  note: contours become voxels on an image: `segspec convert FILE mask.nii.gz --on IMAGE`, or as label of a dataset\n";
    let mut table = TextTable::new(["  structure", "number", "contours", "points", "colour", "type"]);
    for structure in &contours.structures {
        let color = structure.color.map_or_else(|| "—".into(), |[r, g, b]| format!("#{r:02x}{g:02x}{b:02x}"));
        let kinds = if structure.kinds.is_empty() { "no contours".into() } else { structure.kinds.join(", ") };
        let [number, count, points] = [structure.number, structure.contours, structure.points].map(|it| it.to_string());
        table.row([format!("  {}", structure.name), number, count, points, color, kinds]);
    }
    text + &table.render()
}

fn image_text(image: &ImageFacts) -> String {
    let canonical = image.geometry.to_canonical();
    let spacing = match canonical.has_spacing {
        true => format!("{} mm", triple(canonical.spacing_mm())),
        false => "unknown".into(),
    };
    let mut lines = vec![
        ("format", format!("{}, {}", image.format, image.value_type)),
        ("shape", format!("{}{}", triple(canonical.shape.map(|n| n as f64)), channels(image.channels))),
        ("spacing", spacing),
        ("origin", format!("{} mm (x, y, z; RAS)", triple(canonical.to_world([0.0; 3])))),
        ("stored as", image.geometry.orientation()),
        ("values", format!("{} … {}, mean {:.4}", image.range[0], image.range[1], image.mean)),
        ("", histogram_bars(&image.histogram)),
    ];
    if image.geometry.obliqueness_deg() > 0.1 {
        lines.push(("axes", format!("{:.1}° oblique", image.geometry.obliqueness_deg())));
    }
    let mut text: String = lines.iter().map(|(name, value)| format!("  {name:<10} {value}\n")).collect();
    text += &notes(&image.warnings);
    text += &image.tags.iter().map(|(name, value)| format!("  {name}: {value}\n")).collect::<String>();
    if !image.segments.is_empty() {
        text += &segments_text(image);
    }
    text
}

fn segments_text(image: &ImageFacts) -> String {
    let mut table = TextTable::new(["  structure", "value", "voxels", "ml"]);
    let voxel = image.geometry.voxel_mm3();
    for (segment, voxels) in &image.segments {
        let millilitres = match image.geometry.has_spacing {
            true => format!("{:.2}", *voxels as f64 * voxel / 1e3),
            false => "—".into(),
        };
        table.row([format!("  {}", segment.name), segment.value.to_string(), voxels.to_string(), millilitres]);
    }
    table.render()
}

fn surface_text(surface: &SurfaceFacts) -> String {
    let mut text = format!(
        "  surface    {}, {}, {}\n  size       {:.1} mm², {:.1} ml\n",
        counted(surface.triangles, "triangle"),
        counted(surface.components, "component"),
        counted(surface.open_edges, "open edge"),
        surface.area_mm2,
        surface.volume_mm3 / 1e3
    );
    if let Some([low, high]) = surface.bounds_mm {
        text += &format!("  bounds     {} to {} mm (x, y, z; RAS)\n", triple(low), triple(high));
    }
    text + &notes(&surface.warnings)
}

fn notes(warnings: &[String]) -> String {
    warnings.iter().map(|warning| format!("  note: {warning}\n")).collect()
}

/// A histogram as a line of bars, with square-root heights because most images are mainly air.
fn histogram_bars(histogram: &[usize]) -> String {
    const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = histogram.iter().copied().max().unwrap_or(0).max(1) as f64;
    let bar = |count: &usize| match count {
        0 => BARS[0],
        count => BARS[((*count as f64 / most).sqrt() * 8.0).ceil().clamp(1.0, 8.0) as usize],
    };
    histogram.iter().map(bar).collect()
}

fn channels(count: usize) -> String {
    if count == 1 { String::new() } else { format!(", {count} channels") }
}

fn triple(values: [f64; 3]) -> String {
    let texts = values.map(|value| format!("{}", (value * 1e4).round() / 1e4 + 0.0));
    format!("[{}]", texts.join(", "))
}

fn to_json(path: &Path, facts: &Facts) -> Value {
    match facts {
        Facts::Image(image) => {
            let canonical = image.geometry.to_canonical();
            let segments = image.segments.iter().map(|(segment, voxels)| {
                json!({ "name": segment.name, "value": segment.value, "color": segment.color, "voxels": voxels })
            });
            json!({
                "path": path, "format": image.format.to_string(), "value-type": image.value_type,
                "channels": image.channels, "shape": canonical.shape,
                "spacing-mm": canonical.has_spacing.then(|| canonical.spacing_mm()),
                "stored": {
                    "shape": image.geometry.shape, "orientation": image.geometry.orientation(),
                    "affine": image.geometry.affine, "oriented": image.oriented, "crc32": image.crc32,
                },
                "range": image.range, "mean": image.mean, "histogram": image.histogram, "segments": segments.collect::<Value>(),
                "warnings": image.warnings,
                "tags": image.tags.iter().map(|(name, value)| (name.clone(), json!(value))).collect::<Value>(),
            })
        }
        Facts::Surface(surface) => json!({ "path": path, "format": "surface", "surface": surface }),
        Facts::Contours(contours) => json!({ "path": path, "format": "DICOM RTSTRUCT", "contours": contours }),
        Facts::Series(series) => {
            let rows = series.iter().map(|series| {
                json!({
                    "uid": series.uid, "description": series.description, "modality": series.modality,
                    "number": series.number, "what": series.what, "stack": series.stack, "files": series.files,
                    "shape": series.shape, "problem": series.problem,
                })
            });
            json!({ "path": path, "format": "DICOM", "series": rows.collect::<Value>() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_grow_with_the_square_root_and_nothing_is_hidden() {
        assert_eq!(histogram_bars(&[0, 1, 16, 64]), " ▁▄█");
        assert_eq!(histogram_bars(&[1, 0, 1_000_000]), "▁ █");
        assert_eq!(histogram_bars(&[0, 0]), "  ");
    }
}
