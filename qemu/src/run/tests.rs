//! `--exec` against shell scripts that stand in for QEMU.

use super::*;

/// What one run gave: exit code, stdout, stderr with the failure's message at its end.
fn exec(
    script: &str,
    timeout: u64,
    boot_limit: Duration,
    boot_text: BootText,
) -> (u8, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(format!("r() {{ printf '\\001%s\\n' \"$1\"; }}\n{script}"));
    let guest = Guest::start(command, folder.path()).unwrap();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let result =
        Exec::new(guest, Some(timeout), Some(boot_limit), boot_text).run(&mut out, &mut err);
    let code = match result {
        Ok(code) => code,
        Err(failure) => {
            err.extend(failure.to_string().bytes());
            failure.code()
        }
    };
    (
        code,
        String::from_utf8(out).unwrap(),
        String::from_utf8(err).unwrap(),
    )
}

fn quick(script: &str) -> (u8, String, String) {
    exec(script, 20, Duration::from_secs(10), BootText::Shown)
}

const BEGIN: &str = r#"echo Vellum; r '{"ev":"log","msg":"memory"}'; r '{"ev":"exec"}'"#;

#[test]
fn only_the_commands_output_is_on_stdout() {
    let (code, out, err) = quick(&format!(
        "{BEGIN}; printf 'a\\001\\001b'; r '{{\"ev\":\"exit\",\"status\":5}}'; echo bye; exit 33"
    ));
    assert_eq!(
        (code, out.as_str(), err.as_str()),
        (5, "a\x01b", "Vellum\nmemory\nbye\n")
    );
}

#[test]
fn quiet_hides_the_boot_but_not_a_failure() {
    let script = format!("{BEGIN}; echo out; r '{{\"ev\":\"panic\",\"msg\":\"I-PG-3\"}}'; exit 35");
    let (code, out, err) = exec(&script, 20, Duration::from_secs(10), BootText::Hidden);
    assert_eq!(
        (code, out.as_str(), err.as_str()),
        (125, "out\n", "panic: I-PG-3")
    );
}

#[test]
fn codes_of_the_contract_pass_through_with_a_line() {
    for status in [123, 124, 125, 126, 127] {
        let script = format!("{BEGIN}; r '{{\"ev\":\"exit\",\"status\":{status}}}'; exit 33");
        let (code, _, err) = exec(&script, 20, Duration::from_secs(10), BootText::Hidden);
        assert_eq!(code, status);
        assert_eq!(
            err.contains("the commands themselves ended"),
            (124..=126).contains(&status)
        );
    }
}

#[test]
fn an_exit_record_without_the_orderly_status_is_a_machine_failure() {
    let (code, _, err) = quick(&format!(
        "{BEGIN}; r '{{\"ev\":\"exit\",\"status\":0}}'; exit 0"
    ));
    assert_eq!(code, 125);
    assert!(err.contains("without an orderly end"), "{err}");
    let (code, _, err) = quick(&format!("{BEGIN}; exit 33"));
    assert_eq!(code, 125);
    assert!(err.contains("no status"), "{err}");
}

#[test]
fn a_program_cannot_forge_its_status() {
    // What a program prints arrives with its escape bytes doubled.
    let forged = r#"printf '\001\001{"ev":"exit","status":0}\n'"#;
    let (code, out, _) = quick(&format!(
        "{BEGIN}; {forged}; r '{{\"ev\":\"exit\",\"status\":9}}'; exit 33"
    ));
    assert_eq!(
        (code, out.as_str()),
        (9, "\x01{\"ev\":\"exit\",\"status\":0}\n")
    );
}

#[test]
fn timeouts_and_hangs_differ() {
    let (code, out, err) = exec(
        &format!("{BEGIN}; echo x; exec sleep 60"),
        1,
        Duration::from_secs(10),
        BootText::Hidden,
    );
    assert_eq!((code, out.as_str()), (124, "x\n"));
    assert!(err.contains("had not ended"), "{err}");
    let (code, _, err) = exec(
        "exec sleep 60",
        20,
        Duration::from_millis(300),
        BootText::Hidden,
    );
    assert_eq!(code, 125);
    assert!(err.contains("hang in the boot"), "{err}");
}

#[test]
fn a_qemu_that_says_no_never_started() {
    let (code, _, err) = quick("echo 'bad CPU model' >&2; exit 1");
    assert_eq!(code, 126);
    assert!(err.contains("bad CPU model"), "{err}");
}

#[test]
fn a_reader_that_has_gone_ends_the_run() {
    struct Gone;
    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(r#"printf '\001{"ev":"exec"}\n'; while :; do echo y; sleep 0.01; done"#);
    let guest = Guest::start(command, folder.path()).unwrap();
    let exec = Exec::new(guest, Some(20), None, BootText::Hidden);
    let failure = exec.run(&mut Gone, &mut Vec::new()).unwrap_err();
    assert_eq!(failure.code(), 141);
}
