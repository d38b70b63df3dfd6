//! Tokens to commands.
//!
//! Owns: the grammar and the reserved words. Does not own: characters (`lexer`), meaning (`guest::sh`).

use super::ast::{
    AndOr, Command, Compound, Connector, Item, List, Pipeline, Redirect, RedirectKind, Word,
};
use super::lexer::{Lexer, Token, is_name};
use alloc::string::String;
use alloc::vec::Vec;

/// Why a text is no command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyntaxError {
    /// It could become one with more text.
    Incomplete,
    /// This token is in the wrong place.
    Unexpected(String),
}

/// Parses one line of commands (more lines where a command goes on) from byte `at` of `text`.
/// Answers the commands and where the next line begins; `None` at the end of the text.
pub fn parse(text: &[u8], at: usize) -> Result<Option<(List, usize)>, SyntaxError> {
    let mut lexer = Lexer::new(text, at);
    let token = lexer.token()?;
    let mut parser = Parser {
        lexer,
        token,
        depth: 0,
    };
    while parser.token == Token::Newline {
        parser.advance()?;
    }
    if parser.token == Token::End {
        return Ok(None);
    }
    let mut list = List::new();
    while !matches!(parser.token, Token::Newline | Token::End) {
        list.push(parser.item()?);
    }
    Ok(Some((list, parser.lexer.at)))
}

/// How deep commands may be nested.
const DEEPEST: usize = 64;

struct Parser<'a> {
    lexer: Lexer<'a>,
    token: Token,
    depth: usize,
}

impl Parser<'_> {
    fn advance(&mut self) -> Result<Token, SyntaxError> {
        let next = self.lexer.token()?;
        Ok(core::mem::replace(&mut self.token, next))
    }

    fn unexpected<T>(&self) -> Result<T, SyntaxError> {
        Err(match &self.token {
            Token::End => SyntaxError::Incomplete,
            Token::Newline => SyntaxError::Unexpected("newline".into()),
            Token::Operator(operator) | Token::Redirect(_, operator) => {
                SyntaxError::Unexpected((*operator).into())
            }
            Token::Word(word) => SyntaxError::Unexpected(
                String::from_utf8_lossy(word.plain().unwrap_or(b"word")).into_owned(),
            ),
        })
    }

    fn is_reserved(&self, name: &str) -> bool {
        matches!(&self.token, Token::Word(word) if word.plain() == Some(name.as_bytes()))
    }

    fn is_operator(&self, name: &str) -> bool {
        self.token
            == Token::Operator(match OPERATORS.iter().find(|operator| **operator == name) {
                Some(operator) => operator,
                None => return false,
            })
    }

    fn expect_reserved(&mut self, name: &str) -> Result<(), SyntaxError> {
        if !self.is_reserved(name) {
            return self.unexpected();
        }
        self.advance().map(drop)
    }

    fn skip_newlines(&mut self) -> Result<(), SyntaxError> {
        while self.token == Token::Newline {
            self.advance()?;
        }
        Ok(())
    }

    fn item(&mut self) -> Result<Item, SyntaxError> {
        let what = self.and_or()?;
        let background = self.is_operator("&");
        if background || self.is_operator(";") {
            self.advance()?;
        } else if !matches!(self.token, Token::Newline | Token::End) && !self.ends_list() {
            return self.unexpected();
        }
        Ok(Item { what, background })
    }

    fn ends_list(&self) -> bool {
        self.is_operator(")")
            || ["then", "elif", "else", "fi", "do", "done", "}"]
                .iter()
                .any(|word| self.is_reserved(word))
    }

    /// Commands up to a word or operator that ends them.
    fn list(&mut self) -> Result<List, SyntaxError> {
        let mut list = List::new();
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(SyntaxError::Unexpected("nesting".into()));
        }
        loop {
            self.skip_newlines()?;
            if self.ends_list() {
                break;
            }
            list.push(self.item()?);
        }
        self.depth -= 1;
        if list.is_empty() {
            self.unexpected()
        } else {
            Ok(list)
        }
    }

    fn and_or(&mut self) -> Result<AndOr, SyntaxError> {
        let first = self.pipeline()?;
        let mut rest = Vec::new();
        loop {
            let connector = match self.token {
                Token::Operator("&&") => Connector::And,
                Token::Operator("||") => Connector::Or,
                _ => return Ok(AndOr { first, rest }),
            };
            self.advance()?;
            self.skip_newlines()?;
            rest.push((connector, self.pipeline()?));
        }
    }

    fn pipeline(&mut self) -> Result<Pipeline, SyntaxError> {
        let mut negated = false;
        while self.is_reserved("!") {
            negated = !negated;
            self.advance()?;
        }
        let mut commands = Vec::from([self.command()?]);
        while self.is_operator("|") {
            self.advance()?;
            self.skip_newlines()?;
            commands.push(self.command()?);
        }
        Ok(Pipeline { negated, commands })
    }

    fn command(&mut self) -> Result<Command, SyntaxError> {
        let body = if self.is_operator("(") {
            self.advance()?;
            let list = self.list()?;
            if !self.is_operator(")") {
                return self.unexpected();
            }
            self.advance()?;
            Compound::Subshell(list)
        } else if self.is_reserved("{") {
            self.advance()?;
            let list = self.list()?;
            self.expect_reserved("}")?;
            Compound::Group(list)
        } else if self.is_reserved("if") {
            self.conditional()?
        } else if self.is_reserved("while") || self.is_reserved("until") {
            let wanted = self.is_reserved("while");
            self.advance()?;
            let condition = self.list()?;
            Compound::Loop {
                condition,
                wanted,
                body: self.body()?,
            }
        } else if self.is_reserved("for") {
            self.iteration()?
        } else {
            return self.simple();
        };
        let mut redirects = Vec::new();
        while let Token::Redirect(..) = self.token {
            redirects.push(self.redirect()?);
        }
        Ok(Command::Compound { body, redirects })
    }

    fn body(&mut self) -> Result<List, SyntaxError> {
        self.expect_reserved("do")?;
        let list = self.list()?;
        self.expect_reserved("done")?;
        Ok(list)
    }

    fn conditional(&mut self) -> Result<Compound, SyntaxError> {
        let mut arms = Vec::new();
        let mut otherwise = List::new();
        self.advance()?;
        loop {
            let condition = self.list()?;
            self.expect_reserved("then")?;
            arms.push((condition, self.list()?));
            if self.is_reserved("elif") {
                self.advance()?;
                continue;
            }
            if self.is_reserved("else") {
                self.advance()?;
                otherwise = self.list()?;
            }
            self.expect_reserved("fi")?;
            return Ok(Compound::If { arms, otherwise });
        }
    }

    fn iteration(&mut self) -> Result<Compound, SyntaxError> {
        self.advance()?;
        let name = match &self.token {
            Token::Word(word) => word
                .plain()
                .filter(|text| is_name(text))
                .map(|text| String::from_utf8_lossy(text).into_owned()),
            _ => None,
        };
        let Some(name) = name else {
            return self.unexpected();
        };
        self.advance()?;
        self.skip_newlines()?;
        let mut words = None;
        if self.is_reserved("in") {
            self.advance()?;
            let mut list = Vec::new();
            while let Token::Word(_) = self.token {
                if let Token::Word(word) = self.advance()? {
                    list.push(word);
                }
            }
            words = Some(list);
        }
        if self.is_operator(";") {
            self.advance()?;
        }
        self.skip_newlines()?;
        Ok(Compound::For {
            name,
            words,
            body: self.body()?,
        })
    }

    fn redirect(&mut self) -> Result<Redirect, SyntaxError> {
        let Token::Redirect(fd, operator) = self.advance()? else {
            return self.unexpected();
        };
        let kind = match operator {
            "<" => RedirectKind::Read,
            ">" => RedirectKind::Write,
            ">>" => RedirectKind::Append,
            _ => RedirectKind::Duplicate,
        };
        let Token::Word(_) = self.token else {
            return self.unexpected();
        };
        let Token::Word(target) = self.advance()? else {
            return self.unexpected();
        };
        Ok(Redirect { fd, kind, target })
    }

    fn simple(&mut self) -> Result<Command, SyntaxError> {
        let (mut assignments, mut words, mut redirects) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            match &self.token {
                Token::Redirect(..) => redirects.push(self.redirect()?),
                Token::Word(_) => {
                    if words.is_empty() && self.ends_list() {
                        return self.unexpected();
                    }
                    let Token::Word(word) = self.advance()? else {
                        continue;
                    };
                    match assignment(&word) {
                        Some(pair) if words.is_empty() => assignments.push(pair),
                        _ => words.push(word),
                    }
                }
                _ => break,
            }
        }
        if assignments.is_empty() && words.is_empty() && redirects.is_empty() {
            return self.unexpected();
        }
        Ok(Command::Simple {
            assignments,
            words,
            redirects,
        })
    }
}

const OPERATORS: [&str; 5] = ["&", ";", "|", "(", ")"];

/// `NAME=VALUE` as name and value.
fn assignment(word: &Word) -> Option<(String, Word)> {
    let super::ast::Part::Text {
        text,
        quoted: false,
    } = word.0.first()?
    else {
        return None;
    };
    let equals = text.iter().position(|&c| c == b'=')?;
    if !is_name(&text[..equals]) {
        return None;
    }
    let mut value = word.clone();
    if let Some(super::ast::Part::Text { text, .. }) = value.0.first_mut() {
        text.drain(..=equals);
    }
    Some((String::from_utf8_lossy(&text[..equals]).into_owned(), value))
}

#[cfg(test)]
mod tests;
