//! C for the guest: clang against the SDK, then rust-lld to a Mach-O program.
//!
//! Owns: the flags of both, the command `cc`. Does not own: the SDK (`user/sdk`), libSystem (`user/libsystem`).

use super::fresh::Recipe;
use super::{lock, user};
use crate::failure::{Context, Failure};
use crate::machine::Arch;
use crate::project;
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Options of `cc`, taken apart here because clang's flags may stand anywhere.
#[derive(Args)]
pub struct CcOptions {
    /// [--arch A] SRC.c… -o PROG [clang flags]; A is x86_64 unless told; flags such as -O0, -D, -I, -W and -c go to clang
    #[arg(
        value_name = "ARGUMENT",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub arguments: Vec<String>,
}

/// What the arguments of `cc` ask for.
#[derive(Debug, PartialEq)]
struct Request {
    arch: Arch,
    sources: Vec<PathBuf>,
    linked: Vec<PathBuf>,
    out: PathBuf,
    flags: Vec<String>,
    /// `-c`, `-S` or `-E`: clang's output is the product.
    compile_only: bool,
}

/// Runs the command; the result is its exit code: clang's or the linker's.
pub fn run(options: &CcOptions) -> Result<u8, Failure> {
    let request = parse(&options.arguments)?;
    let compiler = {
        let lock = lock()?;
        Compiler::new(request.arch, &user::libraries(request.arch, &lock)?)?
    };
    if request.compile_only {
        let mut command = compiler.clang();
        command
            .args(&request.flags)
            .args(&request.sources)
            .arg("-o")
            .arg(&request.out);
        return status(&mut command);
    }
    let folder = project::run_folder()?;
    let mut objects = request.linked.clone();
    for (number, source) in request.sources.iter().enumerate() {
        let object = folder.path().join(format!("{number}.o"));
        let mut command = compiler.clang();
        command
            .args(&request.flags)
            .arg("-c")
            .arg(source)
            .arg("-o")
            .arg(&object);
        match status(&mut command)? {
            0 => objects.push(object),
            failed => return Ok(failed),
        }
    }
    status(&mut compiler.link(&objects, &request.out)?)
}

/// Runs a compiler whose messages are for the person.
fn status(command: &mut Command) -> Result<u8, Failure> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.status().context(format_args!(
        "cannot start {program}; `cargo vellum doctor` says what is missing"
    ))?;
    Ok(status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .unwrap_or(1))
}

fn parse(arguments: &[String]) -> Result<Request, Failure> {
    let usage = |why: String| {
        Failure::not_started(format_args!(
            "cc: {why}; usage: cargo vellum cc [--arch A] SRC.c… -o PROG [clang flags]"
        ))
    };
    let mut request = Request {
        arch: Arch::X86_64,
        sources: Vec::new(),
        linked: Vec::new(),
        out: PathBuf::new(),
        flags: Vec::new(),
        compile_only: false,
    };
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let mut value = |name: &str| {
            words
                .next()
                .cloned()
                .ok_or_else(|| usage(format!("{name} wants a value")))
        };
        if word == "--arch" || word.starts_with("--arch=") {
            let name = match word.strip_prefix("--arch=") {
                Some(name) => name.to_string(),
                None => value("--arch")?,
            };
            request.arch = Arch::from_str(&name, false)
                .map_err(|_| usage(format!("there is no architecture `{name}`")))?;
        } else if word == "-o" {
            request.out = value("-o")?.into();
        } else if [
            "-I", "-D", "-U", "-include", "-isystem", "-x", "-std", "-Xclang", "-mllvm", "-MF",
            "-MT",
        ]
        .contains(&word.as_str())
        {
            request.flags.extend([word.clone(), value(word)?]);
        } else if word.starts_with('-') {
            request.compile_only |= ["-c", "-S", "-E"].contains(&word.as_str());
            // Everything that a C library has elsewhere is in libSystem.
            if !word.starts_with("-l") {
                request.flags.push(word.clone());
            }
        } else {
            match Path::new(word)
                .extension()
                .and_then(|extension| extension.to_str())
            {
                Some("c" | "s" | "S" | "i") => request.sources.push(word.into()),
                Some("o" | "a") => request.linked.push(word.into()),
                _ => {
                    return Err(usage(format!(
                        "`{word}` is neither a source (.c, .s) nor an object (.o, .a)"
                    )));
                }
            }
        }
    }
    match (
        request.out.as_os_str().is_empty(),
        request.sources.is_empty() && request.linked.is_empty(),
    ) {
        (_, true) => Err(usage("no source file is named".into())),
        (true, _) => Err(usage("-o PROG is missing".into())),
        _ => Ok(request),
    }
}

/// clang and the linker for one architecture.
pub struct Compiler {
    arch: Arch,
    library: PathBuf,
    resources: PathBuf,
    sdk: PathBuf,
}

impl Compiler {
    /// With the folder of `liblibsystem.a`.
    pub fn new(arch: Arch, libraries: &Path) -> Result<Self, Failure> {
        Ok(Self {
            arch,
            library: libraries.join("liblibsystem.a"),
            resources: clang_resources()?.join("include"),
            sdk: project::root().join("user/sdk/include"),
        })
    }

    /// clang with the target and the headers; nothing of the host's.
    fn clang(&self) -> Command {
        let mut command = Command::new(project::program("VELLUM_CLANG", "clang"));
        command.args([
            "-target",
            &format!("{}-apple-macos13", self.arch.apple_name()),
        ]);
        match self.arch {
            Arch::X86_64 => command.args(["-march=x86-64", "-msse4.1"]),
            Arch::Aarch64 => command.arg("-mcpu=cortex-a76"),
        };
        command
            .arg("-nostdinc")
            .arg("-isystem")
            .arg(&self.resources)
            .arg("-isystem")
            .arg(&self.sdk);
        command.args(["-O2", "-g0"]);
        command
    }

    fn link(&self, objects: &[PathBuf], out: &Path) -> Result<Command, Failure> {
        let mut command = linker(self.arch)?;
        command
            .args(["-dead_strip", "-e", "_start"])
            .args(objects)
            .arg(&self.library)
            .arg("-o")
            .arg(out);
        Ok(command)
    }

    /// A program of these sources; headers beside them and the SDK count as inputs.
    pub fn recipe(&self, sources: &[PathBuf], out: &Path) -> Result<Recipe, Failure> {
        let mut inputs = vec![self.library.clone()];
        inputs.extend(sources.iter().cloned());
        headers(&self.sdk, &mut inputs)?;
        if let Some(folder) = sources.first().and_then(|source| source.parent()) {
            headers(folder, &mut inputs)?;
        }
        inputs.sort();
        let mut steps = Vec::new();
        let mut objects = Vec::new();
        for (number, source) in sources.iter().enumerate() {
            let object = out.with_added_extension(format!("{number}.o"));
            let mut step = self.clang();
            // What a program of ours says about its source is the same on every machine.
            step.arg(format!("-ffile-prefix-map={}/=", project::root().display()));
            step.args(["-Wall", "-c"])
                .arg(source)
                .arg("-o")
                .arg(&object);
            steps.push(step);
            objects.push(object);
        }
        steps.push(self.link(&objects, out)?);
        let name = out.file_name().unwrap_or_default().to_string_lossy();
        Ok(Recipe {
            what: format!("{name} for {}", self.arch),
            steps,
            inputs,
            out: out.to_path_buf(),
        })
    }
}

/// Every header below a folder.
fn headers(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    if !folder.is_dir() {
        return Ok(());
    }
    let what = format!("cannot read {}", folder.display());
    for entry in std::fs::read_dir(folder).context(&what)? {
        let path = entry.context(&what)?.path();
        if path.is_dir() {
            headers(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "h") {
            found.push(path);
        }
    }
    Ok(())
}

/// Rust's own linker, in its Mach-O form, for position-independent programs.
pub fn linker(arch: Arch) -> Result<Command, Failure> {
    static LINKER: OnceLock<PathBuf> = OnceLock::new();
    if LINKER.get().is_none() {
        let libraries = ask(Command::new("rustc")
            .args(["--print", "target-libdir"])
            .current_dir(project::root()))?;
        let path = Path::new(&libraries).with_file_name("bin").join("rust-lld");
        let _ = LINKER.set(path);
    }
    let mut command = Command::new(LINKER.get().map_or(Path::new("rust-lld"), PathBuf::as_path));
    command.args([
        "-flavor",
        "darwin",
        "-arch",
        arch.apple_name(),
        "-platform_version",
        "macos",
        "13.0",
        "13.0",
        "-pie",
    ]);
    Ok(command)
}

/// Where clang keeps its own headers (stddef.h, stdarg.h …).
fn clang_resources() -> Result<PathBuf, Failure> {
    static RESOURCES: OnceLock<PathBuf> = OnceLock::new();
    if let Some(path) = RESOURCES.get() {
        return Ok(path.clone());
    }
    let path =
        ask(Command::new(project::program("VELLUM_CLANG", "clang")).arg("-print-resource-dir"))?;
    Ok(RESOURCES.get_or_init(|| path.into()).clone())
}

/// The one line that a command prints.
fn ask(command: &mut Command) -> Result<String, Failure> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().context(format_args!(
        "cannot start {program}; `cargo vellum doctor` says what is missing"
    ))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Result<Request, String> {
        let words: Vec<String> = line.split_whitespace().map(String::from).collect();
        parse(&words).map_err(|failure| failure.to_string())
    }

    #[test]
    fn flags_may_stand_anywhere() {
        let request = of("-O0 a.c -D X=1 --arch arm64 b.c -o prog -Wall -lm c.o").unwrap();
        assert_eq!(request.arch, Arch::Aarch64);
        assert_eq!(request.sources, [PathBuf::from("a.c"), "b.c".into()]);
        assert_eq!(request.linked, [PathBuf::from("c.o")]);
        assert_eq!(request.out, PathBuf::from("prog"));
        assert_eq!(request.flags, ["-O0", "-D", "X=1", "-Wall"]);
        assert!(!request.compile_only);
        assert!(of("-c a.c -o a.o").unwrap().compile_only);
        assert_eq!(of("a.c -o a").unwrap().arch, Arch::X86_64);
    }

    #[test]
    fn what_is_missing_is_said() {
        for (line, why) in [
            ("-o prog", "no source file"),
            ("a.c", "-o PROG is missing"),
            ("a.c -o", "-o wants a value"),
            ("--arch mips a.c -o p", "no architecture `mips`"),
            ("a.txt -o p", "neither a source"),
        ] {
            let message = of(line).unwrap_err();
            assert!(message.contains(why), "{message}");
        }
    }
}
