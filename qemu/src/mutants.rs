//! `mutants`: breaks the code in known ways; each breakage must make its named host test fail.
//!
//! Owns: the list's format and the copy of the tree that is broken. Does not own: the list (`vm/mutants/list`).
//!
//! An entry of the list is a block of lines, blocks separated by empty lines, `#` for comments:
//! ```text
//! name: skip_a_flush
//! file: vm/src/batch.rs
//! - the line as it stands, without its indentation
//! + the line that replaces it
//! test: -p vm --features sim model::stale_entries
//! ```

use crate::build::cargo::cargo;
use crate::cli::MutantsOptions;
use crate::failure::{Context, Failure};
use crate::{guest, progress, project};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// One breakage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Mutant {
    name: String,
    file: String,
    line: String,
    replacement: String,
    test: String,
}

/// Runs the command; the result is its exit code: 0 if every mutant was caught.
pub fn run(options: &MutantsOptions) -> Result<u8, Failure> {
    let path = project::root().join("vm/mutants/list");
    let text =
        std::fs::read_to_string(&path).context(format_args!("cannot read {}", path.display()))?;
    let mutants =
        parse(&text).map_err(|why| Failure::plain(format_args!("{}: {why}", path.display())))?;
    let chosen: Vec<&Mutant> = mutants
        .iter()
        .filter(|mutant| {
            options
                .filter
                .as_ref()
                .is_none_or(|filter| mutant.name.contains(filter))
        })
        .collect();
    if options.list {
        chosen
            .iter()
            .for_each(|mutant| println!("{}: {} ({})", mutant.name, mutant.file, mutant.test));
        return Ok(0);
    }
    let tree = copy_tree()?;
    let bar = progress::bar(chosen.len() as u64);
    let mut survived = Vec::new();
    for mutant in &chosen {
        bar.set_message(mutant.name.clone());
        let verdict = try_one(mutant, tree.path())?;
        bar.suspend(|| println!("mutant {} ... {verdict}", mutant.name));
        bar.inc(1);
        if verdict != "caught" {
            survived.push(mutant.name.clone());
        }
    }
    bar.finish_and_clear();
    println!(
        "\n{} caught, {} survived",
        chosen.len() - survived.len(),
        survived.len()
    );
    if survived.is_empty() {
        Ok(0)
    } else {
        Err(Failure::plain(format_args!(
            "not caught: {}",
            survived.join(", ")
        )))
    }
}

fn parse(text: &str) -> Result<Vec<Mutant>, String> {
    let mut mutants = Vec::new();
    let mut current = Mutant::default();
    for line in text.lines().map(str::trim).chain([""]) {
        if line.starts_with('#') {
            continue;
        }
        if line.is_empty() {
            if current != Mutant::default() {
                let mutant = std::mem::take(&mut current);
                // The replacement alone may be empty: the line is deleted.
                if [&mutant.name, &mutant.file, &mutant.line, &mutant.test]
                    .iter()
                    .any(|field| field.is_empty())
                {
                    return Err(format!(
                        "an entry lacks its name, file, line or test: {mutant:?}"
                    ));
                }
                mutants.push(mutant);
            }
            continue;
        }
        let (field, value) = line.split_once(' ').unwrap_or((line, ""));
        let field = match field {
            "name:" => &mut current.name,
            "file:" => &mut current.file,
            "-" => &mut current.line,
            "+" => &mut current.replacement,
            "test:" => &mut current.test,
            _ => return Err(format!("`{line}` is none of name:, file:, -, +, test:")),
        };
        *field = value.trim().to_string();
    }
    Ok(mutants)
}

/// The text with the one line replaced that reads so; it must be there exactly once.
fn mutate(text: &str, mutant: &Mutant) -> Result<String, String> {
    let hits = text
        .lines()
        .filter(|line| line.trim() == mutant.line)
        .count();
    if hits != 1 {
        return Err(format!("the line is there {hits} times in {}", mutant.file));
    }
    Ok(text
        .lines()
        .map(|line| {
            if line.trim() == mutant.line {
                mutant.replacement.as_str()
            } else {
                line
            }
        })
        .fold(String::new(), |mut all, line| {
            all.push_str(line);
            all.push('\n');
            all
        }))
}

/// Breaks the copy, runs the test, mends the copy.
fn try_one(mutant: &Mutant, tree: &Path) -> Result<String, Failure> {
    let file = tree.join(&mutant.file);
    let whole = std::fs::read_to_string(&file)
        .context(format_args!("{}: cannot read {}", mutant.name, mutant.file))?;
    let broken = match mutate(&whole, mutant) {
        Ok(broken) => broken,
        Err(why) => return Ok(format!("STALE: {why}")),
    };
    let (sound, output) = test(mutant, tree)?;
    if !sound {
        return Ok(format!(
            "UNFIT: its test fails without it, or does not exist\n{output}"
        ));
    }
    std::fs::write(&file, broken).context(format_args!("cannot write {}", file.display()))?;
    let (passed, output) = test(mutant, tree)?;
    std::fs::write(&file, whole).context(format_args!("cannot write {}", file.display()))?;
    Ok(if passed {
        "SURVIVED".into()
    } else if output.contains("could not compile") {
        format!("UNFIT: it does not compile\n{output}")
    } else {
        "caught".into()
    })
}

/// Whether the named test ran and passed, and what cargo said.
fn test(mutant: &Mutant, tree: &Path) -> Result<(bool, String), Failure> {
    let mut command = cargo("test");
    command
        .current_dir(tree)
        .env("CARGO_TARGET_DIR", project::products().join("mutants"));
    command
        .args(["--quiet"])
        .args(mutant.test.split_whitespace())
        .stdin(Stdio::null());
    // A model test need not look for the shortest failing program: that it fails is enough.
    command.env("VELLUM_SHRINK", "0");
    let output = command.output().context("cannot start cargo")?;
    if guest::interrupted() {
        return Err(Failure::interrupted());
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    let ran = text
        .lines()
        .any(|line| line.starts_with("test result: ") && !line.contains(" 0 passed; 0 failed"));
    Ok((output.status.success() && ran, text))
}

/// A copy of the files that git knows or would add.
fn copy_tree() -> Result<tempfile::TempDir, Failure> {
    let root = project::root();
    let folder = project::run_folder()?;
    let listed = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(&root)
        .output()
        .context("cannot start git")?;
    for name in listed
        .stdout
        .split(|&byte| byte == 0)
        .filter(|name| !name.is_empty())
    {
        let name = PathBuf::from(String::from_utf8_lossy(name).into_owned());
        let (from, to) = (root.join(&name), folder.path().join(&name));
        if !from.is_file() {
            continue;
        }
        let parent = to.parent().unwrap_or(folder.path());
        std::fs::create_dir_all(parent)
            .context(format_args!("cannot make {}", parent.display()))?;
        std::fs::copy(&from, &to).context(format_args!("cannot copy {}", from.display()))?;
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "# a comment\nname: one\nfile: a.rs\n- x += 1;\n+ x += 2;\ntest: -p a t\n\nname: two\nfile: b.rs\n- flush();\n+\ntest: -p b t\n";

    #[test]
    fn the_list_is_blocks_of_lines() {
        let mutants = parse(LIST).unwrap();
        assert_eq!(mutants.len(), 2);
        assert_eq!(
            (mutants[0].line.as_str(), mutants[0].replacement.as_str()),
            ("x += 1;", "x += 2;")
        );
        assert_eq!(mutants[1].replacement, "");
        assert!(parse("name: x\nfile: y\n").is_err());
        assert!(parse("nam: x\n").is_err());
    }

    #[test]
    fn a_mutant_needs_its_line_exactly_once() {
        let mutant = &parse(LIST).unwrap()[0];
        assert_eq!(
            mutate("a\n    x += 1;\nb\n", mutant).unwrap(),
            "a\nx += 2;\nb\n"
        );
        assert!(mutate("a\n", mutant).is_err());
        assert!(mutate("x += 1;\nx += 1;\n", mutant).is_err());
    }
}
