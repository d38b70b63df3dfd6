//! The programs of the guest: the tools, the demos, the test programs, the benchmarks.
//!
//! Owns: which sources become which program, and the links of the tools.
//! Does not own: how C is compiled and linked (`cc`), when a product is made again (`fresh`).

use super::cargo::{cargo, silently};
use super::cc::{Compiler, linker};
use super::fresh::{self, Recipe};
use super::{BuildLock, kernel::Flavor};
use crate::failure::{Context, Failure};
use crate::machine::Arch;
use crate::progress::Spinner;
use crate::project;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A program and where the guest finds it.
pub struct Program {
    /// The Mach-O file on the host.
    pub path: PathBuf,
    /// Its absolute path in the guest.
    pub guest: String,
}

/// The folders of C programs (one file, one program), and where they go in the guest.
const C_FOLDERS: [(&str, &str, Wanted); 3] = [
    ("user/demos", "/bin", Wanted::Always),
    ("user/bench", "/bin", Wanted::Always),
    ("user/tests", "/tests", Wanted::ForTests),
];
/// The benchmark: all C files of a folder are one program.
const BENCH: &str = "qemu/peers/bench";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Always,
    ForTests,
}

/// Builds the C library and the tools' library; gives the folder with `liblibsystem.a` and `libtools.a`.
pub fn libraries(arch: Arch, _lock: &BuildLock) -> Result<PathBuf, Failure> {
    let _spinner = Spinner::start(&format!("building the libraries of programs for {arch}"));
    let mut command = cargo("build");
    command.args([
        "--quiet",
        "--release",
        "--target",
        arch.user_target(),
        "--package",
        "libsystem",
        "--package",
        "tools",
    ]);
    silently(&format!("libSystem and the tools for {arch}"), &mut command)?;
    Ok(project::target().join(arch.user_target()).join("release"))
}

/// Builds every program that the archive of this flavor holds.
pub fn programs(arch: Arch, flavor: Flavor, lock: &BuildLock) -> Result<Vec<Program>, Failure> {
    let libraries = libraries(arch, lock)?;
    let _spinner = Spinner::start(&format!("linking programs for {arch}"));
    let out = project::products().join(format!("programs-{arch}"));
    let mut jobs: Vec<(Recipe, Program)> = Vec::new();
    for name in tools()? {
        let program = Program {
            path: out.join("bin").join(&name),
            guest: format!("/bin/{name}"),
        };
        jobs.push((tool(arch, &libraries, &name, &program.path)?, program));
    }
    let compiler = Compiler::new(arch, &libraries)?;
    for (folder, guest, wanted) in C_FOLDERS {
        if wanted == Wanted::ForTests && flavor != Flavor::Tests {
            continue;
        }
        for source in c_files(&project::root().join(folder))? {
            let name = source
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let path = out.join(guest.trim_start_matches('/')).join(&name);
            jobs.push((
                compiler.recipe(&[source], &path)?,
                Program {
                    path,
                    guest: format!("{guest}/{name}"),
                },
            ));
        }
    }
    let bench = c_files(&project::root().join(BENCH))?;
    if !bench.is_empty() {
        let path = out.join("bin/bench");
        jobs.push((
            compiler.recipe(&bench, &path)?,
            Program {
                path,
                guest: "/bin/bench".into(),
            },
        ));
    }
    make_all(&jobs)?;
    Ok(jobs.into_iter().map(|(_, program)| program).collect())
}

/// Makes what is not fresh, as many at a time as there are processors.
fn make_all(jobs: &[(Recipe, Program)]) -> Result<(), Failure> {
    let next = AtomicUsize::new(0);
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let work = || -> Result<(), Failure> {
        while let Some((recipe, _)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            fresh::make(recipe)?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| {
            thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    })
}

/// The names of the tools, one a line in `user/tools/programs`.
fn tools() -> Result<Vec<String>, Failure> {
    let path = project::root().join("user/tools/programs");
    let text =
        std::fs::read_to_string(&path).context(format_args!("cannot read {}", path.display()))?;
    Ok(text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(String::from)
        .collect())
}

/// One tool: its `main` picked out of the tools' library.
fn tool(arch: Arch, libraries: &Path, name: &str, out: &Path) -> Result<Recipe, Failure> {
    let symbol = format!("_{}_main", name.replace('-', "_"));
    let library = libraries.join("libtools.a");
    let mut link = linker(arch)?;
    link.args([
        "-dead_strip",
        "-e",
        "_start",
        "-alias",
        &symbol,
        "_main",
        "-u",
        &symbol,
    ]);
    link.arg(&library).arg("-o").arg(out);
    Ok(Recipe {
        what: format!("/bin/{name} for {arch}"),
        steps: vec![link],
        inputs: vec![library],
        out: out.to_path_buf(),
    })
}

/// The C files of a folder, sorted; none where there is no folder.
fn c_files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let what = format!("cannot read {}", folder.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).context(&what)? {
        let path = entry.context(&what)?.path();
        if path.extension().is_some_and(|extension| extension == "c") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
