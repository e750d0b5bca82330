//! The data sets that can be fetched: files, checksums, mirrors, licences.
//!
//! The sums of what is sent are those that TensorFlow Datasets publishes with its loaders; those of the uncompressed bytes were taken
//! from files with these sums. A file that has neither is trusted at first sight, and held to what it was then.

use super::{DataFile, DataSet, Known};

/// How the images and the labels of an IDX file open: two zero bytes, then the type `u8`.
const IDX: &[u8] = &[0, 0, 8];

const fn known(bytes: u64, sha256: &'static str) -> Known {
    Known { bytes: Some(bytes), sha256: Some(sha256) }
}

const fn sized(bytes: u64) -> Known {
    Known { bytes: Some(bytes), sha256: None }
}

const UNKNOWN: Known = Known { bytes: None, sha256: None };

/// An IDX file, compressed on its way.
const fn idx(name: &'static str, sent: Known, raw: Known) -> DataFile {
    DataFile { name, sent, raw, opening: IDX }
}

/// A text that is sent as it is.
const fn text(name: &'static str, bytes: u64, sha256: &'static str) -> DataFile {
    DataFile { name, sent: known(bytes, sha256), raw: known(bytes, sha256), opening: b"" }
}

/// A file of MATLAB's level 5, compressed within itself.
const fn matlab(name: &'static str, bytes: Known) -> DataFile {
    let sent = Known { bytes: bytes.bytes, sha256: bytes.sha256 };
    DataFile { name, sent, raw: bytes, opening: b"MATLAB 5.0 MAT-file" }
}

/// Every data set that can be fetched.
pub static SETS: &[DataSet] = &[
    DataSet {
        name: "mnist",
        folders: &[],
        description: "handwritten digits, grey, with classes",
        examples: "60,000 train, 10,000 test",
        shape: [28, 28],
        licence: "none stated by its authors; CC BY-SA 3.0 according to the Keras documentation",
        citation: "Y. LeCun, L. Bottou, Y. Bengio and P. Haffner 1998, Proceedings of the IEEE 86(11)",
        mirrors: &[
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ],
        files: &[
            idx(
                "train-images-idx3-ubyte.gz",
                known(9_912_422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
                known(47_040_016, "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
            ),
            idx(
                "train-labels-idx1-ubyte.gz",
                known(28_881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
                known(60_008, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
            ),
            idx(
                "t10k-images-idx3-ubyte.gz",
                known(1_648_877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
                known(7_840_016, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
            ),
            idx(
                "t10k-labels-idx1-ubyte.gz",
                known(4_542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
                known(10_008, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
            ),
        ],
    },
    DataSet {
        name: "mnist_static",
        folders: &["mnist-static-binarized", "MNIST_static", "binarized_mnist"],
        description: "one fixed binary sample of MNIST; the test digits in order of their classes",
        examples: "50,000 train, 10,000 validation, 10,000 test",
        shape: [28, 28],
        licence: "none of its own is stated; a derivative of MNIST",
        citation: "R. Salakhutdinov and I. Murray 2008, ICML; H. Larochelle and I. Murray 2011, AISTATS",
        mirrors: &[
            "http://www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist/",
            "https://github.com/riannevdberg/sylvester-flows/raw/master/data/MNIST_static/",
        ],
        files: &[
            text(
                "binarized_mnist_train.amat",
                78_400_000,
                "ad693b29f94c14277b095f5238ddefbbdaaae0939789dd2f4f0205278cee3e4d",
            ),
            text(
                "binarized_mnist_valid.amat",
                15_680_000,
                "1de3d397c40fe8eeb33dafd4099a1f665ec01e96d9be234aaeeac8a34930e2e2",
            ),
            text(
                "binarized_mnist_test.amat",
                15_680_000,
                "e6687bfea3f820c174f33b7865140b2a2dd2930ef786f35d45795fc193b5ab2c",
            ),
        ],
    },
    DataSet {
        name: "fashion_mnist",
        folders: &["fashion-mnist", "FashionMNIST"],
        description: "clothes, grey, with classes",
        examples: "60,000 train, 10,000 test",
        shape: [28, 28],
        licence: "MIT, copyright 2017 Zalando SE",
        citation: "H. Xiao, K. Rasul and R. Vollgraf 2017, arXiv:1708.07747",
        mirrors: &[
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        ],
        files: &[
            idx(
                "train-images-idx3-ubyte.gz",
                known(26_421_880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
                known(47_040_016, "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"),
            ),
            idx(
                "train-labels-idx1-ubyte.gz",
                known(29_515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
                known(60_008, "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"),
            ),
            idx(
                "t10k-images-idx3-ubyte.gz",
                known(4_422_102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
                known(7_840_016, "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"),
            ),
            idx(
                "t10k-labels-idx1-ubyte.gz",
                known(5_148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
                known(10_008, "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
            ),
        ],
    },
    DataSet {
        name: "kuzushiji_mnist",
        folders: &["kmnist", "kuzushiji-mnist", "KMNIST"],
        description: "cursive Japanese characters of 10 syllables, grey, with classes",
        examples: "60,000 train, 10,000 test",
        shape: [28, 28],
        licence: "CC BY-SA 4.0; name as its source the KMNIST dataset (created by CODH), adapted from the Kuzushiji Dataset \
                  (created by NIJL and others), doi:10.20676/00000341",
        citation: "T. Clanuwat, M. Bober-Irizar, A. Kitamoto, A. Lamb, K. Yamamoto and D. Ha 2018, arXiv:1812.01718",
        mirrors: &["https://codh.rois.ac.jp/kmnist/dataset/kmnist/", "http://codh.rois.ac.jp/kmnist/dataset/kmnist/"],
        files: &[
            idx(
                "train-images-idx3-ubyte.gz",
                known(18_165_135, "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4"),
                sized(47_040_016),
            ),
            idx(
                "train-labels-idx1-ubyte.gz",
                known(29_497, "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17"),
                sized(60_008),
            ),
            idx(
                "t10k-images-idx3-ubyte.gz",
                known(3_041_136, "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5"),
                sized(7_840_016),
            ),
            idx(
                "t10k-labels-idx1-ubyte.gz",
                known(5_120, "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c"),
                sized(10_008),
            ),
        ],
    },
    DataSet {
        name: "omniglot",
        folders: &["OMNIGLOT"],
        description: "characters of 50 alphabets, grey, resampled, with alphabets as classes",
        examples: "24,345 train, 8,070 test",
        shape: [28, 28],
        licence: "MIT, copyright 2015 Brenden Lake; the resampled file states none of its own",
        citation: "B. Lake, R. Salakhutdinov and J. Tenenbaum 2015, Science 350; resampled and split as by Y. Burda, \
                   R. Grosse and R. Salakhutdinov 2016, ICLR",
        mirrors: &["https://github.com/yburda/iwae/raw/master/datasets/OMNIGLOT/"],
        files: &[matlab("chardata.mat", UNKNOWN)],
    },
    DataSet {
        name: "ocr_letters",
        folders: &["ocr-letters", "OCR_letters"],
        description: "handwritten letters a to z, binary, with classes",
        examples: "32,152 train, 10,000 validation, 10,000 test",
        shape: [16, 8],
        licence: "none stated; offered for research",
        citation: "R. Kassel 1995, MIT; B. Taskar, C. Guestrin and D. Koller 2004, NIPS; split as by H. Larochelle, \
                   Y. Bengio and J. Turian 2010, Neural Computation 22",
        mirrors: &["https://ai.stanford.edu/~btaskar/ocr/", "http://info.usherbrooke.ca/hlarochelle/public/"],
        files: &[DataFile { name: "letter.data.gz", sent: UNKNOWN, raw: UNKNOWN, opening: b"1\t" }],
    },
    DataSet {
        name: "caltech_silhouettes",
        folders: &["caltech101-silhouettes", "Caltech101Silhouettes", "CalTech_101_Silhouettes"],
        description: "filled outlines of objects (0) on their ground (1), with 101 classes",
        examples: "4,100 train, 2,264 validation, 2,307 test; or 8,671 without a split",
        shape: [28, 28],
        licence: "none stated; offered for research",
        citation: "B. Marlin, K. Swersky, B. Chen and N. de Freitas 2010, AISTATS",
        mirrors: &["https://people.cs.umass.edu/~marlin/data/"],
        files: &[
            matlab("caltech101_silhouettes_28_split1.mat", UNKNOWN),
            matlab(
                "caltech101_silhouettes_28.mat",
                known(701_202, "862d0a4b828256d54ad5de7c5066c18c72f355cac5b7cde4c1c3be7c000d180b"),
            ),
        ],
    },
    DataSet {
        name: "small_norb",
        folders: &["smallnorb", "small-norb", "smallNORB"],
        description: "toys of 5 classes seen by two cameras, grey, one picture above the other",
        examples: "24,300 train, 24,300 test",
        shape: [192, 96],
        licence: "for research; it cannot be sold",
        citation: "Y. LeCun, F. J. Huang and L. Bottou 2004, CVPR",
        mirrors: &["https://cs.nyu.edu/~ylclab/data/norb-v1.0-small/"],
        files: &[
            DataFile {
                name: "smallnorb-5x46789x9x18x6x2x96x96-training-dat.mat.gz",
                sent: known(131_896_188, "5ffd6272a07d32695ee1082a26a41a93a37aab8c28da047f8c34ed348d214873"),
                raw: sized(447_897_624),
                opening: super::norb::BYTES,
            },
            DataFile {
                name: "smallnorb-5x46789x9x18x6x2x96x96-training-cat.mat.gz",
                sent: known(348, "2784e542c1922060691090952b6cd6278879a216c90f81476f0f00256d42cdaa"),
                raw: sized(97_220),
                opening: super::norb::INTEGERS,
            },
            DataFile {
                name: "smallnorb-5x01235x9x18x6x2x96x96-testing-dat.mat.gz",
                sent: known(130_799_817, "cf7104eed3e51174d2f65b66d1e5878b9da233b886f161b0d88f4510ba2c7474"),
                raw: sized(447_897_624),
                opening: super::norb::BYTES,
            },
            DataFile {
                name: "smallnorb-5x01235x9x18x6x2x96x96-testing-cat.mat.gz",
                sent: known(347, "ecaf6d5bb8c3bc5eab9cf0258f6d2198dd474e016e374836fc097f2e5ff509ff"),
                raw: sized(97_220),
                opening: super::norb::INTEGERS,
            },
        ],
    },
];
