//! Command lines of systemd units, read back as systemd reads them (`systemd.service(5)`, "Command lines").
//!
//! Only what kfimg writes is understood: words, double quotes, continued lines, doubled `%` and `$`.

/// The words of every setting of that name, such as `ExecStart`.
pub(super) fn commands(text: &str, key: &str) -> Vec<Vec<String>> {
    let joined = text.replace("\\\n", " ");
    let prefix = format!("{key}=");
    joined.lines().filter_map(|line| line.strip_prefix(&prefix)).map(words).collect()
}

fn words(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            '\\' if quoted => word.get_or_insert_default().extend(escaped(&mut characters)),
            '%' | '$' if characters.peek() == Some(&character) => {
                characters.next();
                word.get_or_insert_default().push(character);
            }
            ' ' | '\t' if !quoted => found.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    found.extend(word);
    found
}

/// What follows a backslash: a character as it stands, or `uXXXX`.
fn escaped(characters: &mut impl Iterator<Item = char>) -> Option<char> {
    match characters.next()? {
        'u' => {
            let digits: String = characters.take(4).collect();
            u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32)
        }
        other => Some(other),
    }
}

#[cfg(test)]
mod tests {
    use super::commands;

    #[test]
    fn words_are_what_the_program_gets() {
        let text = "[Service]\nExecStartPre=/bin/true\nExecStart=/usr/bin/kubelet \\\n    --a=b,c \\\n    \"--d=$$e \\\"f\\\\ 5%% \\u000a\" \\\n    \"\"\n";
        assert_eq!(
            commands(text, "ExecStart"),
            [["/usr/bin/kubelet", "--a=b,c", "--d=$e \"f\\ 5% \n", ""].map(str::to_owned)]
        );
        assert_eq!(commands(text, "ExecStartPre"), [["/bin/true".to_owned()]]);
        assert!(commands(text, "ExecStop").is_empty());
    }
}
