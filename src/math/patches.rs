//! Square patches cut out of pictures at random places.

use super::{Result, Stream, Tensor, bail, host};

/// `count` patches of `side` by `side` of pictures `[pictures, height · width]` of this height and width, `[count, side · side]`; picture
/// and place are uniform.
pub fn patches(pictures: &Tensor, shape: [usize; 2], side: usize, count: usize, stream: Stream) -> Result<Tensor> {
    let ([height, width], (number, pixels)) = (shape, pictures.dims2()?);
    if pixels != height * width || side > height || side > width || number == 0 {
        bail!("patches of {side} x {side} from {number} pictures of {height} x {width} in {pixels} pixels");
    }
    let (values, places) = (host(pictures)?, host(&stream.uniform(count, 3, pictures.dtype(), pictures.device())?)?);
    let mut cut = Vec::with_capacity(count * side * side);
    for place in places.chunks_exact(3) {
        let pick = |share: f64, of: usize| ((share * of as f64) as usize).min(of - 1);
        let (picture, left) = (pick(place[0], number), pick(place[2], width - side + 1));
        let top = pick(place[1], height - side + 1);
        for row in top..top + side {
            let start = picture * pixels + row * width + left;
            cut.extend_from_slice(&values[start..start + side]);
        }
    }
    Tensor::from_vec(cut, (count, side * side), pictures.device())?.to_dtype(pictures.dtype())
}

/// Examples `[examples, units]` less the mean over the units of each.
pub fn without_row_means(examples: &Tensor) -> Result<Tensor> {
    examples.broadcast_sub(&examples.mean_keepdim(1)?)
}
