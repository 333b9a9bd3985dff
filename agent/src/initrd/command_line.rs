//! The kernel's command line, as far as an initrd asks for it.
//!
//! Source: Linux `Documentation/admin-guide/kernel-parameters.rst`: words between spaces, which double quotes hold together.

use super::codes::COMMAND_LINE;
use crate::failure::Failure;
use crate::root::Root;

/// Where Linux shows it.
const PATH: &str = "/proc/cmdline";

/// The words, in their order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct CommandLine(Vec<String>);

impl CommandLine {
    /// Of this machine.
    ///
    /// # Errors
    /// [`COMMAND_LINE`] when `/proc` can't be read.
    pub(super) fn read(root: &Root) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(root.at(PATH));
        let text = text.map_err(|error| Failure::new(&COMMAND_LINE, format!("{PATH}: {error}")))?;
        Ok(Self::parse(&text))
    }

    pub(super) fn parse(text: &str) -> Self {
        let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
        for character in text.chars() {
            match character {
                '"' => quoted = !quoted,
                character if character.is_whitespace() && !quoted => words.push(std::mem::take(&mut word)),
                character => word.push(character),
            }
        }
        words.push(word);
        words.retain(|word| !word.is_empty());
        Self(words)
    }

    /// The value of `name=value`; of several the last counts, as for the kernel itself. An empty one counts as none.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        let mut values = self.0.iter().filter_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        values.next_back().filter(|value| !value.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::CommandLine;

    #[test]
    fn the_last_value_of_a_name_counts_and_quotes_hold_words_together() {
        let line =
            CommandLine::parse("quiet kfimg.root=initrd a=\"x y\" kfimg.rootless=1 kfimg.root=http://h/r?x=y z=\n");
        let cases = [
            ("kfimg.root", Some("http://h/r?x=y")),
            ("a", Some("x y")),
            ("quiet", None),
            ("z", None),
            ("missing", None),
        ];
        for (name, value) in cases {
            assert_eq!(line.value(name), value, "{name}");
        }
        assert_eq!(CommandLine::parse(""), CommandLine(Vec::new()));
    }
}
