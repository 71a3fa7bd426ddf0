//! Rust source as far as our checks must understand it: what is code, what is comment, what is
//! text, and the code's words one after another.

/// A file's lines with what they hold set apart; both have the columns of the source.
pub struct Code {
    /// The code, with blanks for comments and for what stands in literals.
    pub code: String,
    /// The comments, with blanks for everything else.
    pub comments: String,
}

impl Code {
    /// Sets the comments and literals of a source apart.
    pub fn new(text: &str) -> Self {
        let mut reader = Reader { text: text.chars().collect(), at: 0, found: Self::empty(text) };
        reader.read();
        reader.found
    }

    fn empty(text: &str) -> Self {
        Self {
            code: String::with_capacity(text.len()),
            comments: String::with_capacity(text.len()),
        }
    }

    /// The words of the code with the lines (from 0) on which they stand, but for what is only
    /// compiled for tests. Names and numbers are one word, `::` is one, any other sign is one.
    pub fn words(&self) -> Vec<(usize, &str)> {
        let mut words = Vec::new();
        for (number, line) in self.code.lines().enumerate().take(self.without_tests()) {
            let mut rest = line.trim_start();
            while let Some(first) = rest.chars().next() {
                let length = if is_name(first) {
                    rest.find(|c| !is_name(c)).unwrap_or(rest.len())
                } else if rest.starts_with("::") {
                    2
                } else {
                    first.len_utf8()
                };
                words.push((number, &rest[..length]));
                rest = rest[length..].trim_start();
            }
        }
        words
    }

    /// How many lines there are before the module of tests, which stands last.
    pub fn without_tests(&self) -> usize {
        let lines = self.code.lines().collect::<Vec<_>>();
        let tests = lines.windows(2).position(|pair| {
            pair[0].trim() == "#[cfg(test)]"
                && pair[1].starts_with("mod ")
                && pair[1].ends_with('{')
        });
        tests.unwrap_or(lines.len())
    }
}

fn is_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

struct Reader {
    text: Vec<char>,
    at: usize,
    found: Code,
}

impl Reader {
    fn read(&mut self) {
        while let Some(first) = self.peek(0) {
            match first {
                '/' if self.peek(1) == Some('/') => self.comment_line(),
                '/' if self.peek(1) == Some('*') => self.comment_block(),
                '"' => self.literal('"'),
                '\'' if self.is_character() => self.literal('\''),
                'r' | 'b' | 'c' if !self.after_name() => self.prefixed(),
                _ => self.take_code(),
            }
        }
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.text.get(self.at + ahead).copied()
    }

    /// Whether a name goes on here, so that an `r` is none of a raw text.
    fn after_name(&self) -> bool {
        self.at > 0 && is_name(self.text[self.at - 1])
    }

    /// `'a'` and `'\n'` are characters, `'a` is a lifetime.
    fn is_character(&self) -> bool {
        self.peek(1) == Some('\\') || self.peek(2) == Some('\'')
    }

    fn take(&mut self, code: bool, comment: bool) {
        let Some(character) = self.peek(0) else { return };
        self.at += 1;
        let shown = |shown: bool| if shown || character == '\n' { character } else { ' ' };
        self.found.code.push(shown(code));
        self.found.comments.push(shown(comment));
    }

    fn take_code(&mut self) {
        self.take(true, false);
    }

    fn comment_line(&mut self) {
        while self.peek(0).is_some_and(|character| character != '\n') {
            self.take(false, true);
        }
    }

    fn comment_block(&mut self) {
        let mut depth = 0;
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some('/'), Some('*')) => depth += 1,
                (Some('*'), Some('/')) => depth -= 1,
                (None, _) => return,
                _ => {
                    self.take(false, true);
                    continue;
                }
            }
            self.take(false, true);
            self.take(false, true);
            if depth == 0 {
                return;
            }
        }
    }

    /// A text or character, from its first sign of quotation to the last.
    fn literal(&mut self, quote: char) {
        self.take_code();
        while let Some(character) = self.peek(0) {
            if character == quote {
                return self.take_code();
            }
            if character == '\\' {
                self.take(false, false);
            }
            self.take(false, false);
        }
    }

    /// `r"`, `r#"`, `br"`, `cr#"`: raw texts, in which nothing escapes. Anything else is code.
    fn prefixed(&mut self) {
        let prefix = usize::from(self.peek(0) != Some('r') && self.peek(1) == Some('r')) + 1;
        let raw = self.peek(prefix - 1) == Some('r');
        let mut hashes = 0;
        while self.peek(prefix + hashes) == Some('#') {
            hashes += 1;
        }
        if !raw || self.peek(prefix + hashes) != Some('"') {
            return self.take_code();
        }
        (0..=prefix + hashes).for_each(|_| self.take_code());
        while self.peek(0).is_some() {
            let closes = self.peek(0) == Some('"')
                && (1..=hashes).all(|ahead| self.peek(ahead) == Some('#'));
            if closes {
                return (0..=hashes).for_each(|_| self.take_code());
            }
            self.take(false, false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Code;

    #[test]
    fn code_comments_and_literals_are_told_apart() {
        let check = |text: &str, code: &str, comments: &str| {
            let found = Code::new(text);
            assert_eq!((found.code.trim_end(), found.comments.trim()), (code, comments), "{text}");
        };
        check("a(); // b \"c", "a();", "// b \"c");
        check("a(\"// b\"); c", "a(\"    \"); c", "");
        check("a /* b /* c */ d */ e", "a                   e", "/* b /* c */ d */");
        check("r#\"a \" b\"# + c", "r#\"     \"# + c", "");
        check("b'\\'' 'x' 'a: &'a str", "b'  ' ' ' 'a: &'a str", "");
        check("bar\"a\\\"b\" c", "bar\"    \" c", "");
        check("for r in br\"x\"", "for r in br\" \"", "");
        check("r#type::new()", "r#type::new()", "");
    }

    #[test]
    fn words_end_where_the_tests_begin() {
        let text = "use a::{b, c};\n#[cfg(test)]\nmod tests {\n    use d;\n}\n";
        let code = Code::new(text);
        let words = code.words().into_iter().map(|(_, word)| word).collect::<Vec<_>>();
        assert_eq!(words, ["use", "a", "::", "{", "b", ",", "c", "}", ";"]);
    }
}
