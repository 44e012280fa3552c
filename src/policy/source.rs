//! The places of the files of a policy, and how one file names another.

use crate::base::suggest;
use crate::base::yaml::{SourcePlace, YamlProblem};
use crate::policy::packs::{self, PACKS, Pack};

/// The policy file of a layer, below the directory of that layer.
pub const LAYER_FILE: &str = "policy.yaml";
/// The directory of own packs, below the directory of a layer.
const OWN_PACKS: &str = "policies";
/// A file of a policy, by its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicySource {
    /// A pack that ships with `ai`.
    Pack(&'static Pack),
    /// A file below the user's configuration directory.
    OfUser(String),
    /// A file below `.ai/` of the repository.
    OfProject(String),
    /// The file in which an agent is registered, by the name of the agent: only the bounds in it count.
    OfAgentFile(String),
}

impl PolicySource {
    /// The policy file of an agent.
    pub fn of_agent(name: &str) -> Self {
        Self::OfProject(format!("agents/{name}/{LAYER_FILE}"))
    }

    /// The name in the digest of a policy, the same on every machine.
    pub fn name(&self) -> String {
        match self {
            Self::Pack(pack) => format!("pack:{}", pack.name),
            Self::OfUser(path) => format!("user:{path}"),
            Self::OfProject(path) => format!(".ai/{path}"),
            Self::OfAgentFile(name) => format!(".ai/agents/{name}.yaml"),
        }
    }
}

/// A pack that a file extends, as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Extended {
    pub(super) target: Target,
    pub(super) place: SourcePlace,
}

/// The pack that a file extends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// One that ships.
    Pack(&'static Pack),
    /// One of the same home, by the name of its file.
    Own(String),
}

impl Target {
    /// Reads a name of `extends`.
    pub(super) fn read(text: &str, place: SourcePlace) -> Result<Self, YamlProblem> {
        if let Some(pack) = packs::pack(text) {
            return Ok(Self::Pack(pack));
        }
        let own = text.strip_prefix("./policies/");
        let name = own.and_then(|file| file.strip_suffix(".yaml"));
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        match name {
            Some(name) if !name.is_empty() && !name.starts_with('.') && name.chars().all(plain) => {
                Ok(Self::Own(format!("{OWN_PACKS}/{name}.yaml")))
            }
            Some(_) => Err(YamlProblem::new(
                place,
                format!("`{text}` is no file beside the policy"),
            )
            .hint("write `./policies/NAME.yaml`, with letters, digits, `-`, `_` and `.`")),
            None => {
                let problem = YamlProblem::new(place, format!("there is no pack `{text}`"));
                let known = PACKS.iter().map(|pack| pack.name);
                Err(match suggest::nearest(text, known.clone()) {
                    Some(near) => problem.hint(format!("did you mean `{near}`?")),
                    None => {
                        let known: Vec<&str> = known.collect();
                        let known = known.join(", ");
                        problem.hint(format!(
                            "packs that ship are {known}; own ones are written `./policies/NAME.yaml`"
                        ))
                    }
                })
            }
        }
    }

    /// The file of the target, extended from a file of this place. A pack that ships extends only
    /// such.
    pub(super) fn source(&self, from: &PolicySource) -> PolicySource {
        match (self, from) {
            (Self::Pack(pack), _) => PolicySource::Pack(pack),
            (Self::Own(path), PolicySource::OfUser(_)) => PolicySource::OfUser(path.clone()),
            (Self::Own(path), _) => PolicySource::OfProject(path.clone()),
        }
    }
}
