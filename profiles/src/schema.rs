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
