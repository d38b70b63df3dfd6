//! JSON text for `--json`.
//!
//! Owns: commas, quotes and escapes. Does not own: which members a report has.

use alloc::string::String;
use core::fmt::Write;

/// A JSON text being written. Values follow each other with the commas they need; closing what was
/// not opened, or not closing, shows in the text.
#[derive(Default)]
pub struct Json {
    text: String,
    /// A value was written in the innermost open list or object.
    filled: bool,
}

impl Json {
    /// An empty text.
    pub fn new() -> Self {
        Self::default()
    }

    /// The text with a newline.
    pub fn finish(mut self) -> String {
        self.text.push('\n');
        self.text
    }

    fn comma(&mut self) {
        if self.filled {
            self.text.push(',');
        }
        self.filled = true;
    }

    fn key(&mut self, key: &str) {
        self.comma();
        escape(&mut self.text, key);
        self.text.push(':');
    }

    fn open(&mut self, bracket: char) {
        self.text.push(bracket);
        self.filled = false;
    }

    fn close(&mut self, bracket: char) -> &mut Self {
        self.text.push(bracket);
        self.filled = true;
        self
    }

    /// Opens an object as the next value of a list, or as the text.
    pub fn object(&mut self) -> &mut Self {
        self.comma();
        self.open('{');
        self
    }

    /// Opens an object as a member.
    pub fn object_member(&mut self, key: &str) -> &mut Self {
        self.key(key);
        self.open('{');
        self
    }

    /// Closes an object.
    pub fn end_object(&mut self) -> &mut Self {
        self.close('}')
    }

    /// Opens a list as the next value of a list, or as the text.
    pub fn list(&mut self) -> &mut Self {
        self.comma();
        self.open('[');
        self
    }

    /// Opens a list as a member.
    pub fn list_member(&mut self, key: &str) -> &mut Self {
        self.key(key);
        self.open('[');
        self
    }

    /// Closes a list.
    pub fn end_list(&mut self) -> &mut Self {
        self.close(']')
    }

    /// A text member.
    pub fn text(&mut self, key: &str, value: &str) -> &mut Self {
        self.key(key);
        escape(&mut self.text, value);
        self
    }

    /// A number member.
    pub fn number(&mut self, key: &str, value: impl Into<i128>) -> &mut Self {
        self.key(key);
        let _ = write!(self.text, "{}", value.into());
        self
    }

    /// A member that is true or false.
    pub fn truth(&mut self, key: &str, value: bool) -> &mut Self {
        self.key(key);
        self.text.push_str(if value { "true" } else { "false" });
        self
    }

    /// A text as the next value of a list.
    pub fn text_value(&mut self, value: &str) -> &mut Self {
        self.comma();
        escape(&mut self.text, value);
        self
    }
}

fn escape(to: &mut String, value: &str) {
    to.push('"');
    for c in value.chars() {
        match c {
            '"' => to.push_str("\\\""),
            '\\' => to.push_str("\\\\"),
            '\n' => to.push_str("\\n"),
            '\t' => to.push_str("\\t"),
            c if (c as u32) < 0x20 => {
                let _ = write!(to, "\\u{:04x}", c as u32);
            }
            c => to.push(c),
        }
    }
    to.push('"');
}

#[cfg(test)]
mod tests {
    use super::Json;

    #[test]
    fn commas_stand_between_values_only() {
        let mut json = Json::new();
        json.object().number("a", 1).list_member("b");
        json.object().text("c", "x\"\\\n\u{1}").end_object();
        json.object().end_object();
        json.end_list().truth("d", true).end_object();
        assert_eq!(
            json.finish(),
            "{\"a\":1,\"b\":[{\"c\":\"x\\\"\\\\\\n\\u0001\"},{}],\"d\":true}\n"
        );
    }

    #[test]
    fn numbers_are_exact() {
        let mut json = Json::new();
        json.list()
            .object()
            .number("n", u64::MAX)
            .end_object()
            .text_value("z")
            .end_list();
        assert_eq!(json.finish(), "[{\"n\":18446744073709551615},\"z\"]\n");
    }
}
