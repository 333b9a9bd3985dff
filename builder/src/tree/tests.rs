//! A tree keeps its order and its borders.

use super::{Kind, Node, Tree, TreeError};

fn tree(nodes: &[(&str, Node)]) -> Tree {
    let mut tree = Tree::default();
    nodes.iter().for_each(|(path, node)| tree.insert(path, node.clone()).unwrap());
    tree
}

fn paths(tree: &Tree) -> Vec<&str> {
    tree.iter().map(|(path, _)| path).collect()
}

#[test]
fn folders_come_before_what_they_hold_and_missing_ones_are_made() {
    let tree = tree(&[("a/b/c", Node::file(0o644, "")), ("a-b", Node::file(0o644, "")), ("a0", Node::file(0o644, ""))]);
    assert_eq!(paths(&tree), ["", "a", "a-b", "a/b", "a/b/c", "a0"]);
    let below: Vec<&str> = tree.below("a").map(|(path, _)| path).collect();
    assert_eq!(below, ["a/b", "a/b/c"]);
    let children: Vec<&str> = tree.children("").map(|(path, _)| path).collect();
    assert_eq!(children, ["a", "a-b", "a0"]);
}

#[test]
fn a_folder_keeps_what_it_holds_and_anything_else_replaces() {
    let mut tree = tree(&[("a/b", Node::file(0o644, "x"))]);
    tree.insert("a", Node::folder(0o700)).unwrap();
    assert_eq!(paths(&tree), ["", "a", "a/b"]);
    assert_eq!(tree.get("a").unwrap().mode, 0o700);
    tree.insert("a", Node::link("c")).unwrap();
    assert_eq!(paths(&tree), ["", "a"]);
    let error = tree.insert("a/b", Node::file(0o644, "")).unwrap_err();
    assert_eq!(error, TreeError::NoFolder { path: "a/b".into(), through: "a".into() });
}

#[test]
fn links_are_followed_inside_the_tree_only() {
    let tree = tree(&[
        ("usr/lib/x", Node::file(0o644, "")),
        ("lib", Node::link("usr/lib")),
        ("abs", Node::link("/usr/./lib/")),
        ("up", Node::link("usr/../usr/lib")),
        ("out", Node::link("../../etc")),
        ("one", Node::link("two")),
        ("two", Node::link("one")),
    ]);
    for link in ["lib", "abs", "up"] {
        assert_eq!(tree.resolve(&format!("{link}/x")).unwrap(), "usr/lib/x", "{link}");
        assert!(matches!(tree.lookup(&format!("{link}/x")).unwrap().1.kind, Kind::File(_)));
    }
    assert_eq!(tree.resolve("lib").unwrap(), "lib", "the last part stays as it is");
    let error = tree.resolve("out/passwd").unwrap_err();
    assert_eq!(error.to_string(), "`out/passwd` goes through the link `out`, which leads out of the image");
    assert_eq!(tree.resolve("one/x").unwrap_err(), TreeError::Loop("one/x".into()));
    assert!(tree.lookup("lib/nothing").is_none());
}

#[test]
fn removing_takes_what_lies_below() {
    let mut tree = tree(&[("a/b/c", Node::file(0o644, "")), ("a/d", Node::folder(0o755)), ("b", Node::folder(0o755))]);
    tree.empty_where("a", |node| !node.is_folder());
    assert_eq!(paths(&tree), ["", "a", "a/b", "a/d", "b"]);
    tree.remove("a");
    assert_eq!(paths(&tree), ["", "b"]);
    tree.remove("");
    assert_eq!(paths(&tree), [""], "the root stays");
}

#[test]
fn a_tree_has_a_bound() {
    let mut tree = Tree::default();
    let error = (0..300_000).find_map(|number| tree.insert(&format!("f{number}"), Node::folder(0o755)).err());
    assert_eq!(error, Some(TreeError::TooMany));
}
