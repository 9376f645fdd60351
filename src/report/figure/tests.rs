use super::canvas::{Text, fit, width};
use super::palette::{on_white, sequential, text_on};
use super::*;
use plotters::style::RGBColor;

struct Frame;

impl Plot for Frame {
    fn size(&self) -> (u32, u32) {
        (60, 40)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<DB>) -> Result<(), FigureError> {
        canvas.fill((10.0, 10.0), (20.0, 30.0), RED.to_rgba())?;
        canvas.text((30.0, 20.0), "a<b & c", Text::LABEL)
    }
}

#[test]
fn both_formats_show_the_same_picture_at_their_sizes() {
    let figure = render(&Frame).unwrap();
    assert!(figure.svg.starts_with("<svg width=\"60\" height=\"40\" viewBox=\"0 0 120 80\""), "{}", figure.svg);
    assert!(figure.svg.contains("x=\"20\" y=\"20\" width=\"20\" height=\"40\""), "{}", figure.svg);
    assert!(figure.svg.contains("a&lt;b &amp; c"));
    let png = image::load_from_memory(&figure.png).unwrap().to_rgb8();
    assert_eq!(png.dimensions(), (120, 80));
    assert_eq!((png.get_pixel(30, 40).0, png.get_pixel(50, 40).0), ([255, 0, 0], [255; 3]));
}

#[test]
fn long_names_are_cut_to_their_room() {
    let name = "a very long name of a structure indeed";
    let cut = fit(name, Text::LABEL, 100.0);
    assert!(cut.ends_with('…') && width(&cut, Text::LABEL) <= 100.0 && cut.len() > 8, "{cut}");
    assert_eq!(fit("short", Text::LABEL, 100.0), "short");
}

#[test]
fn values_are_ordered_by_darkness_and_their_text_can_be_read() {
    let brightness = |RGBColor(r, g, b): RGBColor| u32::from(r) + u32::from(g) + u32::from(b);
    let steps: Vec<u32> = (0..=20).map(|step| brightness(sequential(f64::from(step) / 20.0))).collect();
    assert!(steps.windows(2).all(|pair| pair[1] < pair[0]), "{steps:?}");
    for step in 0..=20 {
        let under = sequential(f64::from(step) / 20.0);
        assert!(brightness(under).abs_diff(brightness(text_on(under))) > 200, "{step}");
    }
    assert!(brightness(on_white([255, 255, 0])) < 450);
}
