//! What a YAML syntax error means in the words of people, with the remedy.
//!
//! The parser's own messages speak of tokens and are left out.

use granit_parser::ErrorKind;

/// A message and, where there is one, what to write instead.
pub(super) fn explain(kind: &ErrorKind) -> (String, Option<&'static str>) {
    if let ErrorKind::MismatchedFlowCollectionEnd { open, close } = kind {
        return (format!("`{close}` does not close `{open}`"), None);
    }
    if let ErrorKind::UnclosedFlowCollection { open } = kind {
        return (format!("this `{open}` is not closed"), None);
    }
    if let ErrorKind::UnexpectedCharacter { character } = kind {
        let help = "text that holds such a character stands in quotes";
        return (format!("`{}` cannot stand here", character.escape_debug()), Some(help));
    }
    let (message, help) = words(kind);
    (message.to_owned(), help)
}

const SPACES: Option<&str> = Some("indent with spaces, two for each level");
const QUOTES: Option<&str> = Some("put the text in quotes when it holds `: `, ` #` or starts with a special character");
const ALIGN: Option<&str> = Some("start all keys of a map, and all `-` of a list, in the same column");

fn words(kind: &ErrorKind) -> (&'static str, Option<&'static str>) {
    use ErrorKind as K;
    match kind {
        K::TabNotAllowed
        | K::TabInBlockIndentation
        | K::TabInIndentation
        | K::TabAtBlockScalarStart
        | K::TabInPlainScalar => ("a tab cannot be used for indentation", SPACES),
        K::InvalidBlockEntryWhitespace | K::InvalidMappingValueWhitespace | K::ExpectedWhitespace => {
            ("expected a space here, not a tab or other text", SPACES)
        }
        K::UnexpectedEofFlowSequence | K::ExpectedFlowSequenceSeparator => {
            ("this list in brackets is not finished", Some("write `,` between items and `]` at the end"))
        }
        K::UnexpectedEofFlowMapping | K::UnexpectedEofImplicitFlowMapping | K::ExpectedFlowMappingSeparator => {
            ("this map in braces is not finished", Some("write `,` between entries and `}` at the end"))
        }
        K::MisplacedFlowCollectionEnd => ("this bracket closes nothing", None),
        K::InvalidQuotedScalarIndent => (
            "a quoted text goes on here without indentation",
            Some("close its quote, or indent the lines that belong to it"),
        ),
        K::UnclosedQuotedScalar | K::DocumentIndicatorInQuotedScalar => ("this quote is not closed", None),
        K::InvalidTrailingSingleQuotedScalar | K::InvalidTrailingDoubleQuotedScalar => {
            ("text follows the closing quote", Some("write `''` for a quote inside '…', `\\\"` inside \"…\""))
        }
        K::UnknownQuotedScalarEscape
        | K::InvalidQuotedScalarHexEscape
        | K::InvalidLowSurrogateHexEscape
        | K::InvalidLowSurrogate
        | K::MissingLowSurrogate
        | K::UnpairedLowSurrogate
        | K::InvalidUnicodeEscape => {
            ("this escape is not known", Some("write `\\\\` for a backslash, or use single quotes"))
        }
        K::UnknownAnchor => {
            ("this alias names an anchor that does not stand before it", Some("define it with `&name`"))
        }
        K::InvalidIndentation
        | K::ExpectedBlockMappingKey
        | K::ExpectedBlockSequenceEntry
        | K::BlockSequenceEntryNotAllowed
        | K::MappingKeyNotAllowed
        | K::InvalidBlockScalarIndent
        | K::InvalidFlowScalarIndent => ("the indentation does not fit what stands above", ALIGN),
        K::MappingValueNotAllowed
        | K::InvalidColonPlacement
        | K::InvalidSimpleKey
        | K::FlowMappingValueAdjacentCollection => ("a `:` cannot stand here", QUOTES),
        K::SimpleKeyExpected => ("expected `:` after this key", Some("write `key: value`")),
        K::BlockEntryInFlowCollection | K::PlainScalarStartsWithDashFlowIndicator => {
            ("a `-` cannot stand inside brackets", Some("write `[a, b]`"))
        }
        K::InvalidBlockScalarHeader | K::ZeroBlockScalarIndent => {
            ("text cannot follow `|` or `>`", Some("start the text on the next line, indented"))
        }
        K::BomInsideDocument => {
            ("a byte order mark stands inside the text", Some("save the file as UTF-8 without one"))
        }
        _ => other(kind),
    }
}

fn other(kind: &ErrorKind) -> (&'static str, Option<&'static str>) {
    use ErrorKind as K;
    match kind {
        K::ExpectedNodeContent => ("expected a value here", QUOTES),
        K::UndeclaredTagHandle
        | K::ExpectedTagBang
        | K::InvalidTagTerminator
        | K::MissingTagUri
        | K::UnclosedVerbatimTag
        | K::InvalidTagEscape
        | K::InvalidTagUtf8
        | K::InvalidTagUtf8LeadingByte
        | K::InvalidTagUtf8TrailingByte => {
            ("this tag is not supported", Some("leave it out; text that starts with `!` stands in quotes"))
        }
        K::MissingAnchorOrAliasName => ("`&` and `*` need a name", Some("text that starts with them stands in quotes")),
        K::InvalidDocumentEnd | K::ExpectedDocumentStart | K::MissingDocumentEndBeforeDirective => {
            ("text cannot follow the end of a document", Some("write `---` between documents"))
        }
        K::DirectiveDisallowed | K::InvalidDirectiveName | K::MissingDirectiveName | K::InvalidDirectiveTerminator => {
            ("a line that starts with `%` is a directive, and none is supported", Some("leave it out"))
        }
        K::UnexpectedEof | K::UnexpectedEofBlockMapping | K::UnexpectedEofBlockSequence => {
            ("the text ends too early", None)
        }
        _ => ("this is not valid YAML", QUOTES),
    }
}
