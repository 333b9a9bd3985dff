//! The JSON Schema of the description, for editors and for people who generate descriptions.

use crate::description::Description;
use schemars::generate::SchemaSettings;
use serde_json::Value;

/// Where the schema says that it lives.
pub const SCHEMA_ID: &str = "https://kfimg.dev/schema/v1alpha1/cluster.json";

/// The schema, draft 2020-12.
pub fn schema() -> Value {
    let settings = SchemaSettings::draft2020_12();
    let mut schema = settings.into_generator().into_root_schema_for::<Description>();
    schema.insert("$id".to_owned(), SCHEMA_ID.into());
    schema.insert("title".to_owned(), "kfimg cluster description".into());
    schema.to_value()
}

/// What stands in backquotes behind `Default` in a setting's documentation, or the number behind it. A list of several values is none.
pub(crate) fn documented_default(schema: &Value) -> Option<&str> {
    let text = schema["description"].as_str()?;
    let (_, rest) = text.split_once("Default ").or_else(|| text.split_once("Default\n"))?;
    match rest.strip_prefix('`') {
        Some(quoted) => quoted.split_once('`').filter(|(_, after)| !after.starts_with(", `")).map(|(value, _)| value),
        None => rest.split([',', '.', ' ', '\n']).next().filter(|word| word.bytes().all(|byte| byte.is_ascii_digit())),
    }
}
