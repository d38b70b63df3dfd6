//! The contract of the command line, on the real guest: exit codes, streams, `--add`, `cc`.
//!
//! Owns nothing; it calls the command as a person would and looks at what came out.

#[path = "contract/ends.rs"]
mod ends;
#[path = "contract/endurance.rs"]
mod endurance;
#[path = "contract/files.rs"]
mod files;

use libtest_mimic::{Arguments, Failed, Trial};
use std::path::Path;
use std::process::{Command, Output, Stdio};

type Check = Result<(), Failed>;

/// What the command gave.
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vellum"));
    command.args(arguments).stdin(Stdio::null());
    command
}

fn vellum(arguments: &[&str]) -> Ran {
    let output = command(arguments).output();
    output.expect("the command starts").into()
}

fn exec(arch: &str, commands: &str, more: &[&str]) -> Ran {
    let mut arguments = vec!["run", "--arch", arch, "--quiet", "--exec", commands];
    arguments.extend(more);
    vellum(&arguments)
}

/// Fails with everything that the command said.
fn expect(ran: &Ran, code: i32, out: &str) -> Check {
    if ran.code == code && ran.out == out {
        return Ok(());
    }
    Err(format!(
        "wanted {code} and {out:?}, got {} and {:?}; stderr: {}",
        ran.code, ran.out, ran.err
    )
    .into())
}

fn says(ran: &Ran, code: i32, err: &str) -> Check {
    if ran.code == code && ran.err.contains(err) {
        return Ok(());
    }
    Err(format!(
        "wanted {code} and {err:?} on stderr, got {} and {:?}; stdout: {:?}",
        ran.code, ran.err, ran.out
    )
    .into())
}

/// What holds on each machine.
fn on_machine(arch: &'static str) -> Vec<Trial> {
    type Body = fn(&'static str) -> Check;
    let bodies: [(&str, Body); 15] = [
        ("output_is_byte_for_byte", |arch| {
            expect(
                &exec(arch, "echo hello; echo 'a  b'", &[]),
                0,
                "hello\na  b\n",
            )
        }),
        ("quiet_prints_nothing_else", |arch| {
            let ran = exec(arch, "true", &[]);
            expect(&ran, 0, "")?;
            if ran.err.is_empty() {
                Ok(())
            } else {
                Err(format!("stderr: {}", ran.err).into())
            }
        }),
        ("boot_text_goes_to_stderr", |arch| {
            let ran = vellum(&["run", "--arch", arch, "--exec", "echo out"]);
            expect(&ran, 0, "out\n")?;
            says(&ran, 0, "Vellum")
        }),
        ("exit_code_is_that_of_the_commands", |arch| {
            expect(&exec(arch, "exit 7", &[]), 7, "")
        }),
        ("the_last_command_counts", |arch| {
            expect(&exec(arch, "true; false", &[]), 1, "")
        }),
        ("a_signal_is_128_and_its_number", |arch| {
            expect(&exec(arch, "kill -9 $$", &[]), 137, "")
        }),
        (
            "the_codes_of_the_contract_pass_through_and_are_named",
            |arch| {
                for code in [124, 125, 126] {
                    let ran = exec(arch, &format!("exit {code}"), &[]);
                    says(
                        &ran,
                        code,
                        &format!("the commands themselves ended with status {code}"),
                    )?;
                }
                Ok(())
            },
        ),
        ("standard_input_is_empty", |arch| {
            expect(&exec(arch, "cat; echo end", &[]), 0, "end\n")
        }),
        ("standard_error_arrives_on_stdout", |arch| {
            let ran = exec(arch, "cat /nonexistent", &[]);
            if ran.code != 0 && ran.out.contains("No such file or directory") && ran.err.is_empty()
            {
                return Ok(());
            }
            Err(format!("got {} {:?} {:?}", ran.code, ran.out, ran.err).into())
        }),
        ("a_timeout_is_124", |arch| {
            says(
                &exec(arch, "sleep 1000", &["--timeout", "5"]),
                124,
                "timeout",
            )
        }),
        ("a_bad_boot_argument_is_125", |arch| {
            says(
                &exec(arch, "true", &["--append", "nonsense=1"]),
                125,
                "unknown argument `nonsense=1`",
            )
        }),
        ("added_files_keep_bytes_and_replace", |arch| {
            let folder = tempfile::tempdir()?;
            let bytes: Vec<u8> = (0..=255u8).chain(*b"\n").collect();
            std::fs::write(folder.path().join("bytes"), &bytes)?;
            let add = format!("{}:/data/deep/bytes", folder.path().join("bytes").display());
            let arguments = ["run", "--arch", arch, "--quiet", "--add", &add];
            let output = command(&arguments)
                .args(["--exec", "cat /data/deep/bytes"])
                .output()?;
            if output.stdout == bytes {
                Ok(())
            } else {
                Err(format!("{output:?}").into())
            }
        }),
        ("disks_keep_what_the_guest_writes", |arch| {
            let folder = tempfile::tempdir()?;
            let images = ["one,with a comma", "two"].map(|name| folder.path().join(name));
            for (image, text) in images.iter().zip(["first\n", "second\n"]) {
                let mut bytes = text.as_bytes().to_vec();
                bytes.resize(8192, b'.');
                std::fs::write(image, bytes)?;
            }
            let [one, two] = images.each_ref().map(|image| image.display().to_string());
            let commands =
                "head -n 1 /dev/vd0; head -n 1 /dev/vd1; echo written > /dev/vd1; wc -c < /dev/vd0";
            let ran = exec(arch, commands, &["--disk", &one, "--disk", &two]);
            expect(&ran, 0, "first\nsecond\n    8192\n")?;
            let after = std::fs::read(&images[1])?;
            if after.len() == 8192 && after.starts_with(b"written\n....") {
                return Ok(());
            }
            Err(format!("{:?}…", String::from_utf8_lossy(&after[..16])).into())
        }),
        ("a_ramdisk_of_no_size_does_not_hinder_the_boot", |arch| {
            for (size, why) in [
                ("lots", "no size such as 64M"),
                ("8G", "too little memory for that"),
            ] {
                let append = format!("ramdisk={size}");
                let ran = vellum(&[
                    "run",
                    "--arch",
                    arch,
                    "--append",
                    &append,
                    "--exec",
                    "ls /dev/rd1",
                ]);
                says(&ran, 1, &format!("ramdisk={size}: {why}; there is no rd1"))?;
            }
            expect(
                &exec(arch, "wc -c < /dev/rd1", &["--append", "ramdisk=96K"]),
                0,
                "   98304\n",
            )
        }),
        ("a_c_program_compiles_and_runs", |arch| {
            let folder = tempfile::tempdir()?;
            let (source, program) = (folder.path().join("p.c"), folder.path().join("p"));
            std::fs::write(
                &source,
                "#include <stdio.h>\nint main(int argc, char **argv) { printf(\"%d %s\\n\", argc, argv[1]); return 3; }\n",
            )?;
            compile(arch, &source, &program)?;
            let add = format!("{}:/bin/p", program.display());
            expect(&exec(arch, "p word", &["--add", &add]), 3, "2 word\n")
        }),
    ];
    bodies
        .map(|(name, body)| Trial::test(format!("{arch}::{name}"), move || body(arch)))
        .into()
}

fn compile(arch: &str, source: &Path, program: &Path) -> Check {
    let (source, program) = (source.display().to_string(), program.display().to_string());
    let ran = vellum(&["cc", "--arch", arch, &source, "-o", &program]);
    expect(&ran, 0, "")
}

/// What needs no guest.
fn without_machine() -> Vec<Trial> {
    let usage = |name: &str, arguments: &'static [&'static str], why: &'static str| {
        Trial::test(format!("usage::{name}"), move || {
            says(&vellum(arguments), 126, why)
        })
    };
    let mut trials = vec![
        usage(
            "an_unknown_option_is_126",
            &["run", "--nonsense"],
            "--nonsense",
        ),
        usage(
            "an_unknown_architecture_is_126",
            &["run", "--arch", "mips"],
            "x86_64",
        ),
        usage("no_command_is_126", &[], "Usage"),
        usage(
            "a_strange_amount_of_memory_is_126",
            &["run", "--memory", "lots"],
            "256M",
        ),
        usage(
            "bench_counts_locks_of_several_cpus_only",
            &["bench", "fork", "--locks"],
            "bench smp --locks",
        ),
        usage(
            "x86_64_has_no_16k_granule",
            &["run", "--granule", "16k", "--exec", "true"],
            "4 KiB only",
        ),
        usage(
            "an_add_without_a_colon_is_126",
            &["run", "--add", "x", "--exec", "true"],
            "no colon",
        ),
        usage(
            "an_added_file_must_exist",
            &["run", "--add", "/nonexistent:/x", "--exec", "true"],
            "cannot read",
        ),
        usage(
            "an_added_path_is_absolute",
            &["run", "--add", "Cargo.toml:x", "--exec", "true"],
            "not absolute",
        ),
        usage(
            "a_disk_must_exist",
            &["run", "--disk", "/nonexistent", "--exec", "true"],
            "--disk /nonexistent: No such file or directory",
        ),
        usage(
            "a_folder_is_no_disk",
            &["run", "--disk", "/", "--exec", "true"],
            "--disk /: a folder is no disk image",
        ),
        usage("cc_wants_a_source", &["cc", "-o", "x"], "no source file"),
    ];
    for command in [
        "run", "test", "cc", "bench", "doctor", "check", "mutants", "soak",
    ] {
        trials.push(Trial::test(
            format!("usage::{command}_has_help"),
            move || {
                let ran = vellum(&[command, "--help"]);
                if ran.code == 0 && ran.out.contains("Usage") && ran.out.lines().count() > 3 {
                    return Ok(());
                }
                Err(format!("{} {:?} {:?}", ran.code, ran.out, ran.err).into())
            },
        ));
    }
    trials.push(Trial::test(
        "usage::a_qemu_that_is_not_there_is_126",
        || {
            let output = command(&["run", "--exec", "true"])
                .env("VELLUM_QEMU", "/nonexistent/qemu")
                .output()?;
            says(&output.into(), 126, "cannot start /nonexistent/qemu")
        },
    ));
    trials
}

fn main() {
    let arguments = Arguments::from_args();
    let mut trials = without_machine();
    for arch in ["x86_64", "aarch64"] {
        trials.extend(on_machine(arch));
        trials.extend(files::on_machine(arch));
        trials.extend(endurance::on_machine(arch));
        trials.extend(ends::on_machine(arch));
    }
    libtest_mimic::run(&arguments, trials).exit();
}
