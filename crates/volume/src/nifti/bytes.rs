//! Serialises a NIfTI-1 header. The `nifti` crate's own function is private.

use nifti::NiftiHeader;

/// The 348 bytes of a header, little endian, in the order of `nifti1.h`.
pub(super) fn bytes(header: &NiftiHeader) -> Vec<u8> {
    [before_the_transforms(header), transforms(header)].concat()
}

fn before_the_transforms(header: &NiftiHeader) -> Vec<u8> {
    [
        &header.sizeof_hdr.to_le_bytes()[..],
        &header.data_type,
        &header.db_name,
        &header.extents.to_le_bytes(),
        &header.session_error.to_le_bytes(),
        &[header.regular, header.dim_info],
        header.dim.map(u16::to_le_bytes).as_flattened(),
        &floats([header.intent_p1, header.intent_p2, header.intent_p3]),
        shorts([header.intent_code, header.datatype, header.bitpix, header.slice_start]).as_flattened(),
        &floats(header.pixdim),
        &floats([header.vox_offset, header.scl_slope, header.scl_inter]),
        &header.slice_end.to_le_bytes(),
        &[header.slice_code, header.xyzt_units],
        &floats([header.cal_max, header.cal_min, header.slice_duration, header.toffset]),
        &header.glmax.to_le_bytes(),
        &header.glmin.to_le_bytes(),
        &header.descrip,
        &header.aux_file,
    ]
    .concat()
}

fn transforms(header: &NiftiHeader) -> Vec<u8> {
    let NiftiHeader { quatern_b, quatern_c, quatern_d, quatern_x, quatern_y, quatern_z, .. } = *header;
    [
        shorts([header.qform_code, header.sform_code]).as_flattened(),
        &floats([quatern_b, quatern_c, quatern_d, quatern_x, quatern_y, quatern_z]),
        &floats(header.srow_x),
        &floats(header.srow_y),
        &floats(header.srow_z),
        &header.intent_name,
        &header.magic,
    ]
    .concat()
}

fn shorts<const N: usize>(values: [i16; N]) -> [[u8; 2]; N] {
    values.map(i16::to_le_bytes)
}

fn floats<const N: usize>(values: [f32; N]) -> Vec<u8> {
    values.map(f32::to_le_bytes).concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_comes_back() {
        let mut numbered: Vec<u8> = (0..348_u32).map(|place| (place * 7 % 120) as u8 + 1).collect();
        numbered[..4].copy_from_slice(&348_i32.to_le_bytes());
        numbered[40..42].copy_from_slice(&3_i16.to_le_bytes());
        numbered[344..].copy_from_slice(b"n+1\0");
        assert_eq!(bytes(&NiftiHeader::from_reader(numbered.as_slice()).unwrap()), numbered);
    }
}
