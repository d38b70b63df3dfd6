use super::super::ast::Part;
use super::*;

fn list(text: &str) -> List {
    parse(text.as_bytes(), 0)
        .expect("syntax")
        .expect("a command")
        .0
}

fn words(command: &Command) -> Vec<String> {
    let Command::Simple { words, .. } = command else {
        panic!("not simple")
    };
    words
        .iter()
        .map(|word| String::from_utf8_lossy(word.plain().unwrap_or(b"?")).into_owned())
        .collect()
}

#[test]
fn lists_and_connectors() {
    let all = list("a 1; b && c || d & e | f");
    assert_eq!(all.len(), 3);
    assert_eq!(words(&all[0].what.first.commands[0]), ["a", "1"]);
    assert!(all[1].background);
    assert_eq!(
        all[1]
            .what
            .rest
            .iter()
            .map(|pair| pair.0)
            .collect::<Vec<_>>(),
        [Connector::And, Connector::Or]
    );
    assert_eq!(all[2].what.first.commands.len(), 2);
}

#[test]
fn quotes_and_variables_make_parts() {
    let all = list(r#"echo 'a b'"c $x"\ d$? # comment"#);
    let Command::Simple { words, .. } = &all[0].what.first.commands[0] else {
        panic!()
    };
    let text = |text: &str| Part::Text {
        text: text.as_bytes().to_vec(),
        quoted: true,
    };
    let expected = [
        text("a bc "),
        Part::Variable {
            name: "x".into(),
            quoted: true,
        },
        text(" "),
        Part::Text {
            text: b"d".to_vec(),
            quoted: false,
        },
        Part::Variable {
            name: "?".into(),
            quoted: false,
        },
    ];
    assert_eq!(words[1].0, expected);
    assert_eq!(words.len(), 2);
}

#[test]
fn redirections_carry_their_descriptor() {
    let all = list("x < in > out 2>> log 2>&1");
    let Command::Simple { redirects, .. } = &all[0].what.first.commands[0] else {
        panic!()
    };
    let kinds: Vec<_> = redirects
        .iter()
        .map(|redirect| (redirect.fd, redirect.kind))
        .collect();
    let expected = [
        (0, RedirectKind::Read),
        (1, RedirectKind::Write),
        (2, RedirectKind::Append),
        (2, RedirectKind::Duplicate),
    ];
    assert_eq!(kinds, expected);
    assert_eq!(words(&all[0].what.first.commands[0]), ["x"]);
}

#[test]
fn lines_are_parsed_one_at_a_time() {
    let text = b"a\n\n# note\nb; c\n";
    let (first, at) = parse(text, 0).expect("syntax").expect("a");
    assert_eq!(first.len(), 1);
    let (second, at) = parse(text, at).expect("syntax").expect("b; c");
    assert_eq!(second.len(), 2);
    assert_eq!(parse(text, at), Ok(None));
}

#[test]
fn compounds() {
    let all = list("if true; then a; elif b; then c; else d; fi > out");
    let Command::Compound {
        body: Compound::If { arms, otherwise },
        redirects,
    } = &all[0].what.first.commands[0]
    else {
        panic!()
    };
    assert_eq!((arms.len(), otherwise.len(), redirects.len()), (2, 1, 1));
    let all = list("for i in 1 2 3; do echo $i; done; (cd /; ls) | { cat; }");
    let Command::Compound {
        body: Compound::For { name, words, .. },
        ..
    } = &all[0].what.first.commands[0]
    else {
        panic!()
    };
    assert_eq!(
        (name.as_str(), words.as_ref().map(Vec::len)),
        ("i", Some(3))
    );
    assert_eq!(all[1].what.first.commands.len(), 2);
    let all = list("while a; do\nb\ndone");
    assert!(matches!(
        &all[0].what.first.commands[0],
        Command::Compound {
            body: Compound::Loop { wanted: true, .. },
            ..
        }
    ));
}

#[test]
fn assignments_come_first() {
    let all = list("A=1 B=$x env C=3");
    let Command::Simple {
        assignments, words, ..
    } = &all[0].what.first.commands[0]
    else {
        panic!()
    };
    assert_eq!(
        assignments
            .iter()
            .map(|pair| pair.0.as_str())
            .collect::<Vec<_>>(),
        ["A", "B"]
    );
    assert_eq!(words.len(), 2);
}

#[test]
fn unfinished_texts_ask_for_more() {
    for text in [
        "'a",
        "\"a",
        "a &&",
        "a |",
        "if x; then",
        "(a",
        "$(a",
        "for i in 1; do",
        "a \\",
    ] {
        assert_eq!(
            parse(text.as_bytes(), 0),
            Err(SyntaxError::Incomplete),
            "{text}"
        );
    }
}

#[test]
fn wrong_texts_name_the_token() {
    for (text, token) in [
        ("a ; ; b", ";"),
        ("| a", "|"),
        ("a )", ")"),
        ("fi", "fi"),
        ("a > ;", ";"),
        ("&", "&"),
    ] {
        assert_eq!(
            parse(text.as_bytes(), 0),
            Err(SyntaxError::Unexpected(token.into())),
            "{text}"
        );
    }
    let deep = "(".repeat(1000);
    assert!(parse(deep.as_bytes(), 0).is_err());
}

#[test]
fn command_substitution_keeps_its_text() {
    let all = list("echo $(a | (b) ')') `c d`");
    let Command::Simple { words, .. } = &all[0].what.first.commands[0] else {
        panic!()
    };
    assert_eq!(
        words[1].0,
        [Part::Output {
            command: b"a | (b) ')'".to_vec(),
            quoted: false
        }]
    );
    assert_eq!(
        words[2].0,
        [Part::Output {
            command: b"c d".to_vec(),
            quoted: false
        }]
    );
}
