//! The connectors that are known: those shipped with `ai`, and those of a project.

use std::path::Path;

use crate::base::fs::{self, FsError};
use crate::connector::agent_file::MAX_FILE;
use crate::connector::api::Connector;
use crate::connector::by_manifest::ManifestConnector;
use crate::connector::command::CommandConnector;
use crate::connector::manifest::{Manifest, ManifestError};

/// The shipped manifests, in a form that is read in a tenth of the time: seventeen files of YAML were the
/// most that a run read of anything. `make gen` writes it from those, and a test holds it to them.
const SHIPPED: &str = include_str!("../../templates/connectors.json");

/// Connectors by name.
#[derive(Default)]
pub struct ConnectorRegistry {
    connectors: Vec<Box<dyn Connector>>,
    broken: Vec<ManifestError>,
}

impl ConnectorRegistry {
    /// The connectors shipped with `ai`.
    pub fn shipped() -> Self {
        let mut registry = Self::default();
        match serde_json::from_str::<Vec<Manifest>>(SHIPPED) {
            Ok(all) => {
                for manifest in all {
                    let origin = format!("{} (shipped)", manifest.name);
                    registry.add(&origin, Ok(manifest));
                }
            }
            Err(error) => registry.broken.push(ManifestError {
                origin: "shipped".to_owned(),
                why: error.to_string(),
            }),
        }
        registry
    }

    /// Adds every manifest below `dir` (usually `.ai/connectors`). The caller has made sure that
    /// the user trusts them. A bad one is kept among [`ConnectorRegistry::broken`] and hides no other.
    pub fn add_dir(&mut self, dir: &Path) -> Result<(), FsError> {
        for path in fs::list_dir(dir)? {
            if path.extension().is_none_or(|e| e != "yaml") || path.is_dir() {
                continue;
            }
            match fs::read_text(&path, MAX_FILE) {
                Ok(text) => {
                    let origin = path.display().to_string();
                    self.add(&origin, Manifest::parse(&origin, &text));
                }
                Err(e) => self.broken.push(ManifestError {
                    origin: path.display().to_string(),
                    why: e.to_string(),
                }),
            }
        }
        Ok(())
    }

    /// The connector with this name or alias.
    pub fn get(&self, name: &str) -> Option<&dyn Connector> {
        self.connectors
            .iter()
            .map(Box::as_ref)
            .find(|connector| answers_to(connector.describe(), name))
    }

    /// All connectors, shipped ones first.
    pub fn all(&self) -> impl Iterator<Item = &dyn Connector> {
        self.connectors.iter().map(Box::as_ref)
    }

    /// Manifests that could not be used, and why.
    pub fn broken(&self) -> &[ManifestError] {
        &self.broken
    }

    fn add(&mut self, origin: &str, manifest: Result<Manifest, ManifestError>) {
        match manifest.and_then(|manifest| self.unique(origin, manifest)) {
            Ok(manifest) if manifest.argv.is_empty() => self
                .connectors
                .push(Box::new(CommandConnector::new(manifest))),
            Ok(manifest) => self
                .connectors
                .push(Box::new(ManifestConnector::new(manifest))),
            Err(error) => self.broken.push(error),
        }
    }

    /// A name stands for one connector only: a project cannot slip its own program under a shipped
    /// name.
    fn unique(&self, origin: &str, manifest: Manifest) -> Result<Manifest, ManifestError> {
        let mut names = std::iter::once(&manifest.name).chain(&manifest.aliases);
        match names.find(|name| self.get(name.as_str()).is_some()) {
            Some(name) => Err(ManifestError {
                origin: origin.to_owned(),
                why: format!("name: `{name}` is taken by another connector"),
            }),
            None => Ok(manifest),
        }
    }
}

fn answers_to(manifest: &Manifest, name: &str) -> bool {
    manifest.name.as_str() == name || manifest.aliases.iter().any(|alias| alias.as_str() == name)
}

#[cfg(test)]
#[path = "registry_tests.rs"]
mod tests;
