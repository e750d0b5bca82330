//! What can be named in an experiment without a file.

/// A data set that needs no file, or a kind of file, for a listing.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Entry {
    /// The word an experiment uses.
    pub name: &'static str,
    pub description: &'static str,
    pub examples: &'static str,
    pub shape: &'static str,
    pub licence: &'static str,
}

/// Every source of examples.
pub fn catalogue() -> Vec<Entry> {
    vec![
        Entry {
            name: "digits",
            description: "handwritten digits, ink 0..16, with classes (UCI optdigits, E. Alpaydin and C. Kaynak)",
            examples: "3,823 train, 1,797 test",
            shape: "8 x 8",
            licence: "CC BY 4.0",
        },
        Entry {
            name: "bars-and-stripes",
            description: "whole rows, or whole columns, on or off together",
            examples: "2^height + 2^width - 2, or any number of draws",
            shape: "height x width",
            licence: "generated",
        },
        Entry {
            name: "shifter",
            description: "two rows, the second the first shifted by one: left, not at all, or right",
            examples: "3 · 2^bits",
            shape: "2 x bits",
            licence: "generated",
        },
        Entry {
            name: "shifting-bar",
            description: "a bar at every position of a ring of pixels",
            examples: "pixels",
            shape: "1 x pixels",
            licence: "generated",
        },
        Entry {
            name: "samples",
            description: "Gibbs samples of a given model",
            examples: "any",
            shape: "as the model's",
            licence: "generated",
        },
        Entry {
            name: "files",
            description: "your own: IDX, .npy, .npz, or text with one example a line (.amat); compressed or not",
            examples: "any",
            shape: "any",
            licence: "yours",
        },
    ]
}
