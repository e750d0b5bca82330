//! What an experiment can name as its source of examples.

/// One choice of `data.source`, for a listing.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Entry {
    /// The word an experiment uses.
    pub name: &'static str,
    /// The line to write under `[data]`, with sizes to change.
    pub toml: &'static str,
    /// What the examples show.
    pub description: &'static str,
    /// How many there are.
    pub examples: &'static str,
    /// Height and width of one in pixels.
    pub shape: &'static str,
    /// Terms of use.
    pub licence: &'static str,
}

/// Every source of examples.
pub fn catalogue() -> Vec<Entry> {
    vec![
        Entry {
            name: "digits",
            toml: r#"source = "digits""#,
            description: "handwritten digits, ink 0..16, with classes (UCI optdigits, E. Alpaydin and C. Kaynak)",
            examples: "3,823 train, 1,797 test",
            shape: "8 x 8",
            licence: "CC BY 4.0",
        },
        Entry {
            name: "bars_and_stripes",
            toml: "source = { bars_and_stripes = { height = 4, width = 4 } }",
            description: "whole rows, or whole columns, on or off together",
            examples: "2^height + 2^width - 2, or any number of draws",
            shape: "height x width",
            licence: "generated",
        },
        Entry {
            name: "shifter",
            toml: "source = { shifter = { bits = 8 } }",
            description: "two rows, the second the first shifted by one: left, not at all, or right",
            examples: "3 · 2^bits, or any number of draws",
            shape: "2 x bits",
            licence: "generated",
        },
        Entry {
            name: "shifting_bar",
            toml: "source = { shifting_bar = { pixels = 12, bar = 4 } }",
            description: "a bar at every position of a ring of pixels",
            examples: "pixels, or any number of draws",
            shape: "1 x pixels",
            licence: "generated",
        },
        Entry {
            name: "natural_image_patches",
            toml: "source = { natural_image_patches = { side = 12, examples = 10000 } }",
            description: "patches of eight natural images, less their means, whitened; real numbers",
            examples: "any number of draws",
            shape: "side x side",
            licence: "CC0, two of them CC BY 2.0",
        },
        Entry {
            name: "gaussian_clusters",
            toml: "source = { gaussian_clusters = { clusters = 4, dimensions = 2, examples = 2000 } }",
            description: "draws from round Gaussians of variance 1; real numbers",
            examples: "any number of draws",
            shape: "1 x dimensions",
            licence: "generated",
        },
        Entry {
            name: "samples",
            toml: r#"source = { samples = { model = "runs/…", examples = 10000 } }"#,
            description: "Gibbs samples of a given model",
            examples: "any number of draws",
            shape: "as the model's",
            licence: "generated",
        },
        Entry {
            name: "files",
            toml: r#"source = { files = { train = "train.npy", test = "test.npy" } }"#,
            description: "your own: IDX, .npy, .npz, or text with one example a line (.amat); compressed or not",
            examples: "any",
            shape: "any",
            licence: "yours",
        },
    ]
}
