//! The user's own objects: handed on untouched but for the digests of pinned images, file by file of the description, in its
//! order.
//!
//! Within a file, what defines others comes first; the rest keeps its order. A file is one list, unless Secrets stand beside
//! other objects in it, as in most charts: they get a list of their own, so that the others can be left to a boot server.

use super::{FOLDER, List};
use crate::content::{ContentError, Question};
use kfimg_images::{ImageList, ImageRule, Pins, Remark, RemarkKind, RuleStep, Severity, discover_by};
use kfimg_profiles::cluster::ImagePath;
use kfimg_profiles::description::ObjectStep;
use serde_json::Value;

/// The first number of the user's files.
const FIRST_ORDER: u8 = 50;

/// How the user's objects are read.
pub(super) struct User<'a> {
    /// Where they hold images beside the places that Kubernetes knows.
    pub(super) rules: &'a [ImageRule],
    /// What images are pinned to.
    pub(super) pins: &'a Pins,
}

/// The description's rules, as discovery follows them.
pub(in crate::content) fn rules(written: &[ImagePath]) -> Vec<ImageRule> {
    let step = |step: &ObjectStep| match step {
        ObjectStep::Key(key) => RuleStep::Key(key.clone()),
        ObjectStep::Index(index) => RuleStep::Index(*index),
        ObjectStep::Each => RuleStep::Each,
    };
    let rule = |rule: &ImagePath| ImageRule {
        api_version: rule.api_version.clone(),
        kind: rule.kind.clone(),
        path: rule.path.iter().map(step).collect(),
    };
    written.iter().map(rule).collect()
}

impl User<'_> {
    /// The lists of one file, the `number`-th of the description: its path, and its objects with the lines where they
    /// start.
    pub(super) fn lists(
        &self,
        number: usize,
        file: &str,
        objects: &[(usize, &Value)],
    ) -> Result<Vec<List>, ContentError> {
        let (mut items, mut images, mut questions) = (Vec::new(), ImageList::new(), Vec::new());
        for (line, object) in objects {
            let mut discovery = discover_by(object, self.rules);
            let wrong = discovery.remarks.iter().find(|remark| remark.severity() == Severity::Error);
            if let Some(remark) = wrong {
                return Err(ContentError::Image {
                    reference: format!("of {} at {file}:{line}", remark.object),
                    reason: format!("{} {}", remark.path, remark.kind),
                });
            }
            let question = |remark: &Remark| Question { file: file.to_owned(), line: *line, remark: remark.clone() };
            questions.extend(discovery.remarks.iter().filter(|remark| !self.is_settled(remark)).map(question));
            items.push(self.pins.pin_object(object, &mut discovery.images));
            images.add_manifest(&discovery, file, Some(*line));
        }
        items.sort_by_key(|object| !defines_others(object));
        let mut lists = parts(number, items);
        if let Some(first) = lists.first_mut() {
            (first.images, first.questions) = (images, questions);
        }
        Ok(lists)
    }

    /// What is pinned stays the same tomorrow.
    fn is_settled(&self, remark: &Remark) -> bool {
        matches!(&remark.kind, RemarkKind::Floating { reference, .. } if self.pins.has(reference))
    }
}

/// The objects of a file as lists: all in one, or Secrets apart, behind what defines others and before what may need them.
fn parts(number: usize, items: Vec<Value>) -> Vec<List> {
    let list = |part: &str, items: Vec<Value>, secret: bool| List {
        path: format!("{FOLDER}/{FIRST_ORDER}-user-{number:02}{part}.json"),
        items,
        images: ImageList::new(),
        questions: Vec::new(),
        secret,
    };
    let secrets = items.iter().filter(|object| is_secret(object)).count();
    if secrets == 0 || secrets == items.len() {
        return vec![list("", items, secrets > 0)];
    }
    let (secrets, others): (Vec<Value>, Vec<Value>) = items.into_iter().partition(is_secret);
    let (definitions, rest) = others.into_iter().partition(defines_others);
    let mut lists =
        vec![list("-definitions", definitions, false), list("-secrets", secrets, true), list("", rest, false)];
    lists.retain(|list| !list.items.is_empty());
    lists
}

fn is_secret(object: &Value) -> bool {
    is(object, "v1", "Secret")
}

/// Other objects can't be applied before these.
fn defines_others(object: &Value) -> bool {
    is(object, "v1", "Namespace") || is(object, "apiextensions.k8s.io/v1", "CustomResourceDefinition")
}

fn is(object: &Value, api_version: &str, kind: &str) -> bool {
    object["apiVersion"] == api_version && object["kind"] == kind
}

#[cfg(test)]
mod tests {
    use super::{FOLDER, List, User};
    use crate::content::ContentError;
    use kfimg_images::{ImageRule, Pins, RuleStep};
    use serde_json::{Value, json};

    fn lists(number: usize, file: &str, objects: &[(usize, &Value)]) -> Result<Vec<List>, ContentError> {
        User { rules: &[], pins: &Pins::default() }.lists(number, file, objects)
    }

    /// The only list of a file without Secrets.
    fn list(number: usize, file: &str, objects: &[(usize, &Value)]) -> Result<List, ContentError> {
        let mut lists = lists(number, file, objects)?;
        assert_eq!(lists.len(), 1);
        Ok(lists.remove(0))
    }

    fn object(api_version: &str, kind: &str, name: &str) -> Value {
        json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name}})
    }

    fn pod(name: &str, containers: Value) -> Value {
        let mut pod = object("v1", "Pod", name);
        pod["spec"]["containers"] = containers;
        pod
    }

    #[test]
    fn definitions_come_first_and_the_rest_keeps_its_order() {
        let objects = [
            object("example.com/v1", "Gate", "z"),
            object("v1", "ConfigMap", "b"),
            object("v1", "Namespace", "gates"),
            object("v1", "ConfigMap", "a"),
            object("apiextensions.k8s.io/v1", "CustomResourceDefinition", "gates.example.com"),
            object("example.com/v1", "Namespace", "not-a-real-one"),
        ];
        let numbered: Vec<(usize, &Value)> = objects.iter().enumerate().collect();
        let list = list(3, "site/gates.yaml", &numbered).unwrap();
        assert_eq!(list.path, "/etc/kfimg/addons/50-user-03.json");
        let names: Vec<&str> = list.items.iter().filter_map(|item| item["metadata"]["name"].as_str()).collect();
        assert_eq!(names, ["gates", "gates.example.com", "z", "b", "a", "not-a-real-one"]);
    }

    #[test]
    fn images_of_the_user_are_found_with_file_and_line() {
        let web = pod("web", json!([{"name": "nginx", "image": "nginx:1.29"}]));
        let list = list(1, "site/web.yaml", &[(7, &web)]).unwrap();
        let text = list.images.to_text_with_reasons();
        assert_eq!(
            text,
            "docker.io/library/nginx:1.29\n  manifest site/web.yaml:7 Pod/web container nginx on every node\n"
        );
        assert_eq!(list.items, [web]);
    }

    #[test]
    fn what_a_rule_finds_is_listed_and_pinned_and_what_is_doubtful_is_asked() {
        let mut gate = object("example.com/v1", "Gate", "g");
        gate["spec"] = json!({"image": "quay.io/gate:1", "helper": {"image": "quay.io/helper:2"}});
        let steps = ["spec", "image"].map(|key| RuleStep::Key(key.to_owned()));
        let rules = [ImageRule { api_version: None, kind: "Gate".to_owned(), path: steps.to_vec() }];
        let digest = format!("sha256:{}", "ab".repeat(32));
        let pins: Pins = [("quay.io/gate:1".parse().unwrap(), digest.parse().unwrap())].into_iter().collect();
        let list = User { rules: &rules, pins: &pins }.lists(1, "gate.yaml", &[(3, &gate)]).unwrap().remove(0);
        let text = list.images.to_text_with_reasons();
        assert_eq!(
            text,
            format!("quay.io/gate:1@{digest}\n  manifest gate.yaml:3 Gate/g field spec.image on every node\n")
        );
        assert_eq!(list.items[0]["spec"]["image"], format!("quay.io/gate:1@{digest}"));
        let asked: Vec<String> = list.questions.iter().map(ToString::to_string).collect();
        let question = "gate.yaml:3: Gate/g: spec.helper.image: looks like the image `quay.io/helper:2`";
        assert_eq!(asked.len(), 1);
        assert!(asked[0].starts_with(question), "{}", asked[0]);
    }

    #[test]
    fn a_pod_that_no_node_could_start_is_refused() {
        for (containers, message) in [
            (
                json!([{"name": "a", "image": "lower/UPPER:1"}]),
                "image of Pod/web at site/web.yaml:7: spec.containers[0].image",
            ),
            (json!([{"name": "a"}]), "has no image; name one"),
            (json!("none"), "is not a list"),
        ] {
            let error = list(1, "site/web.yaml", &[(7, &pod("web", containers))]).err().unwrap().to_string();
            assert!(error.contains(message), "{error}");
        }
    }

    #[test]
    fn secrets_are_apart_behind_what_defines_others_and_before_the_rest() {
        let (name, secret) = (object("v1", "Namespace", "n"), object("v1", "Secret", "s"));
        let (pod, custom) = (pod("p", json!([{"name": "a", "image": "a:1"}])), object("example.com/v1", "Secret", "c"));
        let told = |objects: &[&Value]| -> Vec<String> {
            let numbered: Vec<(usize, &Value)> = objects.iter().map(|object| (1, *object)).collect();
            let lists = lists(1, "a.yaml", &numbered).unwrap();
            assert_eq!(
                lists.iter().filter(|list| !list.images.is_empty()).count(),
                usize::from(objects.contains(&&pod))
            );
            let names = |list: &List| {
                let names: Vec<&str> = list.items.iter().filter_map(|item| item["metadata"]["name"].as_str()).collect();
                format!("{}{} {}", if list.secret { "!" } else { "" }, &list.path[FOLDER.len() + 3..], names.join(" "))
            };
            lists.iter().map(names).collect()
        };
        assert_eq!(
            told(&[&pod, &secret, &name, &custom]),
            ["-user-01-definitions.json n", "!-user-01-secrets.json s", "-user-01.json p c"]
        );
        assert_eq!(told(&[&secret, &pod]), ["!-user-01-secrets.json s", "-user-01.json p"]);
        assert_eq!(told(&[&secret, &secret]), ["!-user-01.json s s"]);
        assert_eq!(told(&[&custom]), ["-user-01.json c"]);
    }
}
