//! What people see: results on standard output, talk and problems on standard error, colours where they are wanted.

use crate::args::{ColorChoice, OutputFormat, Talk};
use crate::failure::Failure;
use crate::table;
use anstream::stream::IsTerminal;
use anstyle::{AnsiColor, Style};
use kfimg_profiles::document::Sources;
use kfimg_profiles::problem::{Appearance, Report, fold};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::process::ExitCode;

/// What is as it should be.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// What is not.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// What a person should look at.
pub(crate) const DOUBT: Style = AnsiColor::Yellow.on_default();
/// What is there for completeness.
pub(crate) const FAINT: Style = Style::new().dimmed();

const ERROR: Style = AnsiColor::Red.on_default().bold();
const EMPHASIS: Style = Style::new().bold();
/// Width of excerpts where there is no terminal.
const PLAIN_WIDTH: usize = 140;
/// Narrower terminals get lines that they break themselves.
const LEAST_WIDTH: usize = 40;

/// How this run talks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Console {
    talk: Talk,
    colored: bool,
    colored_results: bool,
}

impl Console {
    /// Reads the terminal and the environment (`NO_COLOR`, `TERM`) once.
    pub(crate) fn new(talk: Talk) -> Self {
        let colored = match talk.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never,
        };
        let colored_results = match talk.color {
            ColorChoice::Auto => anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never,
            _ => colored,
        };
        let choice = if colored { anstream::ColorChoice::Always } else { anstream::ColorChoice::Never };
        choice.write_global();
        Self { talk, colored, colored_results }
    }

    /// Whether results are for programs.
    pub(crate) fn is_json(&self) -> bool {
        self.talk.output_format == OutputFormat::Json
    }

    /// Whether more is to be said.
    pub(crate) fn is_verbose(&self) -> bool {
        self.talk.verbose
    }

    /// Whether bars may be drawn on standard error.
    pub(crate) fn shows_progress(&self) -> bool {
        !self.talk.quiet && io::stderr().is_terminal()
    }

    /// Prints a result.
    ///
    /// # Errors
    /// [`Failure::Io`], but not when the reader went away early, as `head` does.
    pub(crate) fn result(&self, text: &str) -> Result<(), Failure> {
        let written = io::stdout().lock().write_all(text.as_bytes()).and_then(|()| io::stdout().flush());
        match written {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Failure::io("writing", "standard output".as_ref())(error))
            }
            _ => Ok(()),
        }
    }

    /// Prints a result as columns. On a terminal that is too narrow for them, cells have several lines.
    ///
    /// # Errors
    /// As [`Console::result`].
    pub(crate) fn columns<const N: usize>(
        &self,
        header: [&str; N],
        rows: impl IntoIterator<Item = [String; N]>,
    ) -> Result<(), Failure> {
        self.result(&table::columns(header, rows, width(io::stdout())))
    }

    /// A part of a result in a style, where standard output shows colours.
    pub(crate) fn styled(&self, style: Style, text: &str) -> String {
        if self.colored_results { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    /// Prints a result as JSON.
    ///
    /// # Errors
    /// As [`Console::result`].
    pub(crate) fn json(&self, value: &impl serde::Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value).expect("results have text keys only");
        self.result(&format!("{text}\n"))
    }

    /// Says something, unless asked to be quiet. Parts between `*` are emphasised.
    pub(crate) fn say(&self, line: &str) {
        if !self.talk.quiet {
            self.line(line);
        }
    }

    /// Says something with words of others in it, unless asked to be quiet: as it stands.
    pub(crate) fn say_verbatim(&self, line: &str) {
        if !self.talk.quiet {
            anstream::eprintln!("{}", plain(line));
        }
    }

    /// Says what happened just now to whom, unless asked to be quiet. Both texts stand as they are.
    pub(crate) fn event(&self, who: &str, what: &str) {
        if !self.talk.quiet {
            let time = jiff::Zoned::now().strftime("%H:%M:%S");
            anstream::eprintln!("{FAINT}{time}{FAINT:#} {EMPHASIS}{who}{EMPHASIS:#}: {what}");
        }
    }

    /// Says a warning, even when asked to be quiet.
    pub(crate) fn warn(&self, line: &str) {
        let style = AnsiColor::Yellow.on_default().bold();
        self.sentence(&format!("{style}warning{style:#}: {}", plain(line)));
    }

    /// Says a problem that has no place in a text.
    pub(crate) fn error(&self, line: &str) {
        self.sentence(&format!("{ERROR}error{ERROR:#}: {}", plain(line)));
        anstream::eprintln!();
    }

    /// Prints problems: as text, or as JSON on standard output.
    ///
    /// # Errors
    /// As [`Console::result`].
    pub(crate) fn problems(&self, report: &Report, sources: &Sources) -> Result<(), Failure> {
        if self.is_json() {
            return self.json(&report.to_json(sources));
        }
        let text = report.render(sources, self.appearance());
        if !text.is_empty() {
            anstream::eprintln!("{}\n", text.trim_end());
        }
        Ok(())
    }

    /// Says why the command failed and gives its exit code.
    pub(crate) fn fail(&self, failure: &Failure) -> ExitCode {
        self.sentence(&format!("{ERROR}error{ERROR:#}: {}", plain(&failure.to_string())));
        ExitCode::from(failure.exit_code())
    }

    fn line(&self, line: &str) {
        let mut text = String::new();
        for (index, part) in plain(line).split('*').enumerate() {
            text += &if index % 2 == 1 { format!("{EMPHASIS}{part}{EMPHASIS:#}") } else { part.to_owned() };
        }
        // What is set in is a list or a command, which people copy.
        if line.starts_with(' ') { anstream::eprintln!("{text}") } else { self.sentence(&text) }
    }

    /// A sentence of any length on standard error; a terminal gets it in lines that fit.
    fn sentence(&self, text: &str) {
        let width = width(io::stderr());
        let fold = |line: &str| width.map_or_else(|| line.to_owned(), |width| fold(line, width, 2));
        text.split('\n').for_each(|line| anstream::eprintln!("{}", fold(line)));
    }

    fn appearance(&self) -> Appearance {
        let width = width(io::stderr());
        Appearance { color: self.colored, width: width.unwrap_or(PLAIN_WIDTH), fold: width.is_some() }
    }
}

/// Words of registries, bundles and files may be in a message: what would command a terminal is left out.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && !matches!(c, '\n' | '\t') { ' ' } else { c }).collect()
}

/// Columns of the terminal that a stream is, if it is one.
fn width(stream: impl IsTerminal + AsFd) -> Option<usize> {
    let size = stream.is_terminal().then(|| rustix::termios::tcgetwinsize(stream).ok())??;
    // A terminal that does not know its size says 0.
    (size.ws_col > 0).then(|| usize::from(size.ws_col).max(LEAST_WIDTH))
}

#[cfg(test)]
mod tests {
    #[test]
    fn words_of_others_command_no_terminal() {
        assert_eq!(super::plain("no \u{1b}]0;x\u{7}\n\tnext\u{9b}2J"), "no  ]0;x \n\tnext 2J");
    }
}
