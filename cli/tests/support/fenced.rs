//! Fenced texts of a document: the one reader of them that the tests of documents share, those of qemu-tests too.
//!
//! What is done with a text is the business of who asks for it.

/// A fenced text.
pub(crate) struct Fenced<'a> {
    /// What stands behind the opening fence: `console`, `yaml`.
    pub(crate) language: &'a str,
    /// The line of the document that it begins at, counted from 1.
    pub(crate) line: usize,
    pub(crate) lines: Vec<&'a str>,
}

impl<'a> Fenced<'a> {
    /// All of it, with the end of the last line.
    pub(crate) fn text(&self) -> String {
        self.lines.iter().map(|line| format!("{line}\n")).collect()
    }

    /// The name of the file that it is, where its first line says `# file: NAME`.
    pub(crate) fn file(&self) -> Option<&'a str> {
        self.lines.first().and_then(|line| line.strip_prefix("# file: "))
    }

    /// The commands of a `console`, each with the lines that it prints; without any it may print what it likes.
    ///
    /// # Panics
    /// When something is printed before the first command.
    pub(crate) fn commands(&self) -> Vec<(String, Vec<&'a str>)> {
        let mut commands: Vec<(String, Vec<&str>)> = Vec::new();
        for line in &self.lines {
            if let Some(command) = line.strip_prefix("$ ") {
                commands.push((command.to_owned(), Vec::new()));
                continue;
            }
            let (command, expected) = commands.last_mut().unwrap_or_else(|| panic!("line {}: no command", self.line));
            match line.strip_prefix("> ") {
                Some(more) => *command += &format!("\n{more}"),
                None => expected.push(line),
            }
        }
        commands
    }
}

/// Every fenced text.
pub(crate) fn all(text: &str) -> Vec<Fenced<'_>> {
    let mut found = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let inside = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```").collect();
            found.push(Fenced { language, line: index + 2, lines: inside });
        }
    }
    found
}

/// Those of one language.
///
/// # Panics
/// When there is none.
pub(crate) fn of<'a>(text: &'a str, language: &str) -> Vec<Fenced<'a>> {
    let found: Vec<Fenced<'_>> = all(text).into_iter().filter(|block| block.language == language).collect();
    assert!(!found.is_empty(), "no {language} in the document");
    found
}

/// The one of that language whose first line begins so.
///
/// # Panics
/// When there is none.
pub(crate) fn that<'a>(text: &'a str, language: &str, start: &str) -> Fenced<'a> {
    let begins = |block: &Fenced<'_>| block.lines.first().is_some_and(|line| line.starts_with(start));
    of(text, language).into_iter().find(begins).unwrap_or_else(|| panic!("no {language} begins with `{start}`"))
}
