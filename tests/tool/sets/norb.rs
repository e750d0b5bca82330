//! The matrices of small NORB.

use dbm::experiment::data::sets::norb::{BYTES, INTEGERS, WRITTEN, classes, pictures};

fn file(magic: &[u8], dims: &[u32], body: &[u8]) -> Vec<u8> {
    let words = [&[dims.len() as u32], dims].concat();
    let written = words.iter().chain(std::iter::repeat_n(&1, WRITTEN.saturating_sub(dims.len())));
    [magic, &written.flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>(), body].concat()
}

#[test]
fn matrices_are_read_as_their_authors_write_them() {
    let body: Vec<u8> = (0..2 * 2 * 3 * 3).collect();
    assert_eq!(pictures(file(BYTES, &[2, 2, 3, 3], &body)), Ok(body.clone()));
    let labels: Vec<u8> = [4i32, 0, 3].iter().flat_map(|class| class.to_le_bytes()).collect();
    assert_eq!(classes(file(INTEGERS, &[3], &labels)), Ok(vec![4, 0, 3]));
    assert!(pictures(file(BYTES, &[2, 2, 3, 4], &body)).is_err(), "fewer bytes than promised");
    assert!(pictures(file(INTEGERS, &[2, 2, 3, 3], &body)).is_err(), "another type");
    assert!(classes(file(INTEGERS, &[1], &300i32.to_le_bytes())).is_err(), "no class");
    assert!(pictures(BYTES.to_vec()).is_err(), "cut off");
}
