//! What an experiment can name as its source of examples.

use super::sets::{SETS, presence};
use std::path::Path;

/// One choice of `data.source`, for a listing.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Entry {
    /// The word an experiment uses.
    pub name: &'static str,
    /// The line to write under `[data]`, with sizes to change.
    pub toml: String,
    /// What the examples show.
    pub description: &'static str,
    /// How many there are.
    pub examples: &'static str,
    /// Height and width of one in pixels.
    pub shape: String,
    /// Terms of use.
    pub licence: &'static str,
    /// Whether it is there: "built in", "generated", how many of its files are in the data folder.
    pub present: String,
}

/// Every source of examples, with what is there of each in the data folder.
pub fn catalogue(folder: Option<&Path>) -> Vec<Entry> {
    let fetched = SETS.iter().map(|set| {
        let (here, all) = (folder.map_or(0, |folder| presence(folder, set)), set.files.len());
        Entry {
            name: set.name,
            toml: format!("source = \"{}\"", set.name),
            description: set.description,
            examples: set.examples,
            shape: format!("{} x {}", set.shape[0], set.shape[1]),
            licence: set.licence,
            present: match here {
                0 => format!("no: dbm data fetch {}", set.name),
                here if here == all => "yes".into(),
                here => format!("{here} of {all} files"),
            },
        }
    });
    built_in().into_iter().chain(fetched).collect()
}

fn built_in() -> Vec<Entry> {
    let entry = |name, toml: &str, description, examples, shape: &str, licence, present: &str| Entry {
        name,
        toml: toml.into(),
        description,
        examples,
        shape: shape.into(),
        licence,
        present: present.into(),
    };
    vec![
        entry(
            "digits",
            r#"source = "digits""#,
            "handwritten digits, ink 0..16, with classes (UCI optdigits, E. Alpaydin and C. Kaynak)",
            "3,823 train, 1,797 test",
            "8 x 8",
            "CC BY 4.0",
            "built in",
        ),
        entry(
            "bars_and_stripes",
            "source = { bars_and_stripes = { height = 4, width = 4 } }",
            "whole rows, or whole columns, on or off together",
            "2^height + 2^width - 2, or any number of draws",
            "height x width",
            "generated",
            "generated",
        ),
        entry(
            "shifter",
            "source = { shifter = { bits = 8 } }",
            "two rows, the second the first shifted by one: left, not at all, or right",
            "3 · 2^bits, or any number of draws",
            "2 x bits",
            "generated",
            "generated",
        ),
        entry(
            "shifting_bar",
            "source = { shifting_bar = { pixels = 12, bar = 4 } }",
            "a bar at every position of a ring of pixels",
            "pixels, or any number of draws",
            "1 x pixels",
            "generated",
            "generated",
        ),
        entry(
            "natural_image_patches",
            "source = { natural_image_patches = { side = 12, examples = 10000 } }",
            "patches of eight natural images, less their means, whitened; real numbers",
            "any number of draws",
            "side x side",
            "CC0, two of them CC BY 2.0",
            "built in",
        ),
        entry(
            "gaussian_clusters",
            "source = { gaussian_clusters = { clusters = 4, dimensions = 2, examples = 2000 } }",
            "draws from round Gaussians of variance 1; real numbers",
            "any number of draws",
            "1 x dimensions",
            "generated",
            "generated",
        ),
        entry(
            "samples",
            r#"source = { samples = { model = "runs/…", examples = 10000 } }"#,
            "Gibbs samples of a given model",
            "any number of draws",
            "as the model's",
            "generated",
            "generated",
        ),
        entry(
            "files",
            r#"source = { files = { train = "train.npy", test = "test.npy" } }"#,
            "your own: IDX, .npy, .npz, or text with one example a line (.amat); compressed or not",
            "any",
            "any",
            "yours",
            "yours",
        ),
    ]
}
