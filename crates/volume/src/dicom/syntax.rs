//! Transfer syntaxes: the encoding of a file's data set and frames.

use dicom_dictionary_std::uids;
use dicom_encoding::TransferSyntax;
use dicom_transfer_syntax_registry::entries;

use super::codec::Codec;

/// Explicit VR big endian: retired in 2006 but still in archives.
const BIG_ENDIAN: &str = "1.2.840.10008.1.2.2";

/// Encoding of a data set's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    ImplicitLittle,
    ExplicitLittle,
    ExplicitBig,
}

impl Encoding {
    /// The registry's entry for uncompressed data sets of this encoding.
    pub fn entry(self) -> TransferSyntax {
        match self {
            Self::ImplicitLittle => entries::IMPLICIT_VR_LITTLE_ENDIAN.erased(),
            Self::ExplicitLittle => entries::EXPLICIT_VR_LITTLE_ENDIAN.erased(),
            Self::ExplicitBig => entries::EXPLICIT_VR_BIG_ENDIAN.erased(),
        }
    }
}

/// A transfer syntax, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Syntax {
    pub uid: String,
    pub encoding: Encoding,
    /// Whether the data set itself is compressed.
    pub deflated: bool,
    /// `None` for frames that are not supported.
    pub codec: Option<Codec>,
}

impl Syntax {
    /// The syntax of a UID. Unknown ones are taken as explicit little endian, like every syntax since 1996.
    pub fn of(uid: &str) -> Self {
        let encoding = match uid {
            uids::IMPLICIT_VR_LITTLE_ENDIAN => Encoding::ImplicitLittle,
            BIG_ENDIAN => Encoding::ExplicitBig,
            _ => Encoding::ExplicitLittle,
        };
        let codec = match uid {
            uids::IMPLICIT_VR_LITTLE_ENDIAN
            | uids::EXPLICIT_VR_LITTLE_ENDIAN
            | uids::ENCAPSULATED_UNCOMPRESSED_EXPLICIT_VR_LITTLE_ENDIAN
            | uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN => Some(Codec::Native { big_endian: false }),
            BIG_ENDIAN => Some(Codec::Native { big_endian: true }),
            uids::RLE_LOSSLESS => Some(Codec::Rle),
            uids::JPEG_BASELINE8_BIT | uids::JPEG_EXTENDED12_BIT | uids::JPEG_LOSSLESS | uids::JPEG_LOSSLESS_SV1 => {
                Some(Codec::Jpeg)
            }
            uids::JPEGLS_LOSSLESS | uids::JPEGLS_NEAR_LOSSLESS => Some(Codec::JpegLs),
            uids::JPEG2000_LOSSLESS | uids::JPEG2000 => Some(Codec::Jpeg2000),
            uids::DEFLATED_IMAGE_FRAME_COMPRESSION => Some(Codec::DeflatedFrame),
            _ => None,
        };
        let deflated = uid == uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN;
        Self { uid: uid.into(), encoding, deflated, codec }
    }

    /// The syntax corrected by the first element of the data set: some archives re-encoded files without updating the UID.
    pub fn corrected(self, first: &[u8; 6]) -> Self {
        let typed = first[4..].iter().all(u8::is_ascii_uppercase);
        let encoding = match (self.encoding, typed) {
            (Encoding::ImplicitLittle, true) => Encoding::ExplicitLittle,
            (Encoding::ExplicitLittle, false) if !self.deflated && first != &[0; 6] => Encoding::ImplicitLittle,
            (stated, _) => stated,
        };
        Self { encoding, ..self }
    }
}
