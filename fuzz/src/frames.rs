//! Compressed frames in a DICOM file around them, so that mutations reach the decoders.

/// A coded frame: its transfer syntax, size and depth.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Transfer syntax UID.
    pub syntax: &'static str,
    /// Rows and columns.
    pub size: [u16; 2],
    /// Bits allocated.
    pub bits: u16,
}

/// Transfer syntaxes by the names of the reference table.
const SYNTAXES: [(&str, &str); 4] = [
    ("rle", "1.2.840.10008.1.2.5"),
    ("jpeg", "1.2.840.10008.1.2.4.70"),
    ("jpeg-ls", "1.2.840.10008.1.2.4.80"),
    ("jpeg-2000", "1.2.840.10008.1.2.4.90"),
];

impl Frame {
    /// The frame of a codec.
    pub fn new(codec: &str, size: [u16; 2], bits: u16) -> Option<Self> {
        let (_, syntax) = SYNTAXES.iter().find(|(name, _)| *name == codec)?;
        Some(Self { syntax, size, bits })
    }
}

/// A DICOM file with one frame.
pub fn wrapped(frame: &Frame, coded: &[u8]) -> Vec<u8> {
    let mut file = vec![0; 128];
    file.extend(b"DICM");
    text(&mut file, [2, 0x10], b"UI", frame.syntax);
    text(&mut file, [8, 0x16], b"UI", "1.2.840.10008.5.1.4.1.1.2");
    text(&mut file, [8, 0x18], b"UI", "1.2.3.4");
    text(&mut file, [8, 0x60], b"CS", "CT");
    text(&mut file, [0x20, 0x0e], b"UI", "1.2.3.5");
    text(&mut file, [0x20, 0x32], b"DS", "0\\0\\0");
    text(&mut file, [0x20, 0x37], b"DS", "1\\0\\0\\0\\1\\0");
    for (element, value) in [(0x02, 1), (0x10, frame.size[0]), (0x11, frame.size[1])] {
        short(&mut file, [0x28, element], value);
    }
    text(&mut file, [0x28, 0x30], b"DS", "1\\1");
    let bits = frame.bits;
    for (element, value) in [(0x100, bits), (0x101, bits), (0x102, bits.saturating_sub(1)), (0x103, 0)] {
        short(&mut file, [0x28, element], value);
    }
    header(&mut file, [0x7fe0, 0x10], b"OB");
    file.extend([0, 0, 0xff, 0xff, 0xff, 0xff]);
    for fragment in [&[][..], coded] {
        file.extend([0xfe, 0xff, 0x00, 0xe0]);
        file.extend((fragment.len() as u32).to_le_bytes());
        file.extend(fragment);
    }
    file.extend([0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0]);
    file
}

/// For libFuzzer: the first four bytes choose codec, size and depth.
pub fn wrapped_any(bytes: &[u8]) -> Vec<u8> {
    let [codec, rows, columns, bits, coded @ ..] = bytes else { return Vec::new() };
    let (_, syntax) = SYNTAXES[usize::from(*codec) % SYNTAXES.len()];
    let size = [u16::from(*rows) + 1, u16::from(*columns) + 1];
    wrapped(&Frame { syntax, size, bits: if bits % 2 == 0 { 8 } else { 16 } }, coded)
}

/// The inverse of [`wrapped_any`], for libFuzzer's first inputs.
pub fn as_input(frame: &Frame, coded: &[u8]) -> Option<Vec<u8>> {
    let codec = SYNTAXES.iter().position(|(_, syntax)| *syntax == frame.syntax)? as u8;
    let [rows, columns] = [frame.size[0].checked_sub(1)?, frame.size[1].checked_sub(1)?];
    let start = [codec, u8::try_from(rows).ok()?, u8::try_from(columns).ok()?, u8::from(frame.bits == 16)];
    Some([&start[..], coded].concat())
}

fn header(file: &mut Vec<u8>, [group, element]: [u16; 2], kind: &[u8; 2]) {
    file.extend(group.to_le_bytes());
    file.extend(element.to_le_bytes());
    file.extend(kind);
}

fn text(file: &mut Vec<u8>, tag: [u16; 2], kind: &[u8; 2], value: &str) {
    header(file, tag, kind);
    let mut value = value.as_bytes().to_vec();
    if value.len() % 2 == 1 {
        value.push(if kind == b"UI" { 0 } else { b' ' });
    }
    file.extend((value.len() as u16).to_le_bytes());
    file.extend(value);
}

fn short(file: &mut Vec<u8>, tag: [u16; 2], value: u16) {
    header(file, tag, b"US");
    file.extend(2_u16.to_le_bytes());
    file.extend(value.to_le_bytes());
}
