//! The page: one file with script, style and surfaces.

use std::io;

use serde_json::{Value, json};

use super::pack::{pack, points};
use super::{Scene, Shell};
use crate::counted;
use crate::report::page::escape;

const STYLE: &str = include_str!("style.css");
const BODY: &str = include_str!("body.html");
const SCRIPT: &str = concat!(include_str!("data.js"), include_str!("draw.js"), include_str!("view.js"));

/// The page of a scene, with its title and a line below.
///
/// # Errors
/// The surfaces cannot be compressed.
pub fn render(scene: &Scene, title: &str, line: &str) -> io::Result<String> {
    let content = json!({
        "structures": scene.bodies.iter().map(structure).collect::<Vec<_>>(),
        "compared": scene.compared,
        "bounds": scene.bounds(),
        "packed": pack(scene)?,
    });
    // A name must not end the script element.
    let content = content.to_string().replace('<', "\\u003c");
    let (title, line) = (escape(title), escape(line));
    let line = if line.is_empty() { line } else { format!("<p>{line}</p>\n") };
    Ok(format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<link rel=\"icon\" href=\"data:,\">\n\
         <title>{title} in 3D</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<header>\n<h1>{title}</h1>\n{line}</header>\n\
         {BODY}<footer>{}</footer>\n<script type=\"application/json\" id=\"scene\">{content}</script>\n\
         <script>\n{SCRIPT}</script>\n</body>\n</html>\n",
        escape(&note(scene))
    ))
}

fn structure(body: &super::Body) -> Value {
    let side = |shell: &Option<Shell>| {
        shell.as_ref().map(|shell| {
            let triangles = shell.surface.triangles().len();
            json!({ "points": points(shell), "triangles": triangles, "distances": shell.distances.is_some() })
        })
    };
    json!({
        "name": body.name,
        "color": body.color,
        "reference": side(&body.reference),
        "prediction": side(&body.prediction),
    })
}

/// What is shown, and how exact it is.
fn note(scene: &Scene) -> String {
    let sampled = match scene.stride {
        1 => String::new(),
        stride => format!(", of the largest only every {} voxel", ordinal(stride)),
    };
    let distances = match scene.compared {
        true => {
            " Distances are measured from each point to the other surface at full detail; because surfaces are smoothed, they differ \
             slightly from those of the tables."
        }
        false => "",
    };
    let structures = counted(scene.bodies.len(), "structure");
    format!(
        "{structures}, simplified to {} triangles{sampled}. Drag to turn, scroll or pinch to zoom, shift-drag to move.{distances}",
        scene.triangles()
    )
}

fn ordinal(number: usize) -> String {
    match number {
        2 => "second".to_owned(),
        3 => "third".to_owned(),
        4 => "fourth".to_owned(),
        other => format!("{other}th"),
    }
}
