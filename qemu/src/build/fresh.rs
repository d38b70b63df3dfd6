//! Products that are made again only when something they are made of has changed.
//!
//! Owns: the stamp beside each product. What cargo builds is cargo's own affair.

use super::cargo::silently;
use crate::failure::{Context, Failure};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::UNIX_EPOCH;

/// How one product is made.
pub struct Recipe {
    /// Its name in an error.
    pub what: String,
    /// The commands, in order; the last one writes the product.
    pub steps: Vec<Command>,
    /// Every file that it is made of.
    pub inputs: Vec<PathBuf>,
    /// The product.
    pub out: PathBuf,
}

/// Makes the product unless the stamp says that commands and inputs are the same as last time.
pub fn make(recipe: &Recipe) -> Result<(), Failure> {
    let stamp = recipe.out.with_added_extension("stamp");
    let now = describe(recipe)?;
    if recipe.out.is_file() && std::fs::read_to_string(&stamp).is_ok_and(|then| then == now) {
        return Ok(());
    }
    let folder = recipe.out.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).context(format_args!("cannot make {}", folder.display()))?;
    // Gone first: a step that fails leaves no product that looks made.
    let _ = std::fs::remove_file(&stamp);
    for step in &recipe.steps {
        silently(&recipe.what, &mut again(step))?;
    }
    std::fs::write(&stamp, now).context(format_args!("cannot write {}", stamp.display()))
}

/// The commands, and size and time of each input.
fn describe(recipe: &Recipe) -> Result<String, Failure> {
    let mut text = String::new();
    for step in &recipe.steps {
        let _ = writeln!(text, "{step:?}");
    }
    for input in &recipe.inputs {
        let metadata =
            std::fs::metadata(input).context(format_args!("cannot read {}", input.display()))?;
        let time = metadata
            .modified()
            .ok()
            .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
            .unwrap_or_default();
        let _ = writeln!(
            text,
            "{} {} {}",
            input.display(),
            metadata.len(),
            time.as_nanos()
        );
    }
    Ok(text)
}

/// A copy of a command that can be run.
fn again(command: &Command) -> Command {
    let mut copy = Command::new(command.get_program());
    copy.args(command.get_args());
    copy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_is_made_again_only_when_an_input_changed() {
        let folder = tempfile::tempdir().unwrap();
        let (input, out, count) = (
            folder.path().join("in"),
            folder.path().join("sub/out"),
            folder.path().join("count"),
        );
        std::fs::write(&input, "1").unwrap();
        let recipe = || {
            let mut step = Command::new("sh");
            step.arg("-c").arg(format!(
                "cp {} {}; echo x >> {}",
                input.display(),
                out.display(),
                count.display()
            ));
            Recipe {
                what: "it".into(),
                steps: vec![step],
                inputs: vec![input.clone()],
                out: out.clone(),
            }
        };
        let made = || std::fs::read_to_string(&count).unwrap().lines().count();
        make(&recipe()).unwrap();
        make(&recipe()).unwrap();
        assert_eq!(made(), 1);
        std::fs::write(&input, "22").unwrap();
        make(&recipe()).unwrap();
        assert_eq!(
            (made(), std::fs::read_to_string(&out).unwrap()),
            (2, "22".into())
        );
        std::fs::remove_file(&out).unwrap();
        make(&recipe()).unwrap();
        assert_eq!(made(), 3);
    }

    #[test]
    fn a_failed_step_is_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        let recipe = || {
            let mut step = Command::new("sh");
            step.arg("-c")
                .arg(format!("touch {}; exit 3", out.display()));
            Recipe {
                what: "it".into(),
                steps: vec![step],
                inputs: Vec::new(),
                out: out.clone(),
            }
        };
        assert!(make(&recipe()).is_err());
        assert!(make(&recipe()).is_err());
    }
}
