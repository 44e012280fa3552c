//! YAML files that people write by hand (policy, configuration): read strictly, with a line and
//! column for every complaint.
//!
//! The parser gives a small tree of nodes with places; the readers of each file kind pick it apart
//! by hand. That way all problems of a file are reported at once, in words about that file, and no
//! scalar is silently taken for another type (`no` is never a boolean here, `1.10` stays `1.10`
//! where text is wanted).
//!
//! Deliberately absent: merge keys, tags, several documents, and writing YAML.

mod build;
mod decode;
mod excerpt;
mod node;
mod packed;
mod problem;
mod typed;

pub use decode::{
    MappingFields, bool_of, count_of, duration_of, list_of, names_of, one_of, text_of, texts_in,
    texts_of,
};
pub use node::{
    MAX_BYTES, TreeStanding, YamlNode, YamlValue, check_bounds, empty_file, parse, parse_entries,
};
pub use packed::{pack, unpack};
pub use problem::{SourcePlace, YamlProblem, YamlProblems};
pub use typed::to_json;
