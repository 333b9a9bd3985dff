//! Files that a description names: found beside the text that names them, read once, within a limit.
//!
//! What a file must hold is not known here.

use std::io;
use std::path::{Component, PathBuf};

use crate::cluster::{InputFile, SecretFile};
use crate::description::values::FilePath;
use crate::document::{Node, Path, SourceId, Sources};
use crate::problem::Report;

/// The largest file that a description may name, in bytes.
pub const MAX_FILE_BYTES: usize = 4 << 20;

/// How files are read.
pub trait FileReader {
    /// The contents of a file; of a file with more than `limit` bytes, its first `limit + 1` bytes.
    ///
    /// # Errors
    /// As the system says.
    fn read(&self, path: &std::path::Path, limit: usize) -> io::Result<Vec<u8>>;
}

/// Reads the files of one description and reports those that cannot be read where they are named.
pub(super) struct Files<'a, 'r> {
    reader: &'a dyn FileReader,
    tree: &'a Node,
    pub(super) sources: &'r mut Sources,
    pub(super) report: &'r mut Report,
}

impl<'a, 'r> Files<'a, 'r> {
    pub(super) fn new(
        reader: &'a dyn FileReader,
        tree: &'a Node,
        sources: &'r mut Sources,
        report: &'r mut Report,
    ) -> Self {
        Self { reader, tree, sources, report }
    }

    /// A text file.
    pub(super) fn text(&mut self, setting: &Path, file: &FilePath) -> Option<InputFile> {
        let content = self.read(setting, file)?;
        Some(InputFile { path: file.0.clone(), content })
    }

    /// A secret text file. Its contents are registered nowhere.
    pub(super) fn secret(&mut self, setting: &Path, file: &FilePath) -> Option<SecretFile> {
        let content = self.read(setting, file)?;
        Some(SecretFile::new(file.0.clone(), content))
    }

    /// A text whose contents problems may point to.
    pub(super) fn source(&mut self, setting: &Path, file: &FilePath) -> Option<SourceId> {
        let content = self.read(setting, file)?;
        let path = self.location(setting, file);
        let folder = path.parent().map_or_else(PathBuf::new, std::path::Path::to_path_buf);
        Some(self.sources.add(&shown(&path), &format!("file {}", file.0), &folder, &content))
    }

    /// The path of a folder or of a file of any size, which is there.
    pub(super) fn place(&mut self, setting: &Path, file: &FilePath) -> Option<PathBuf> {
        if self.report.is_unreadable(setting) {
            return None;
        }
        let path = self.location(setting, file);
        match self.reader.read(&path, 0) {
            _ if file.0.trim().is_empty() => self.read(setting, file).map(|_| path),
            Ok(_) => Some(path),
            Err(error) if error.kind() == io::ErrorKind::IsADirectory => Some(path),
            Err(_) => self.read(setting, file).map(|_| path),
        }
    }

    /// File and line where a setting was written.
    pub(super) fn written_at(&self, setting: &Path) -> (String, usize) {
        self.tree.at_path(setting).map_or_else(
            || (setting.to_string(), 1),
            |node| (self.sources.get(node.at.source).name.clone(), self.sources.line_column(node.at).0),
        )
    }

    fn location(&self, setting: &Path, file: &FilePath) -> PathBuf {
        let named_in = self.tree.at_path(setting).map(|node| node.at.source);
        match named_in {
            Some(source) => self.sources.get(source).folder.join(&file.0),
            None => PathBuf::from(&file.0),
        }
    }

    fn read(&mut self, setting: &Path, file: &FilePath) -> Option<String> {
        if self.report.is_unreadable(setting) {
            return None;
        }
        if file.0.trim().is_empty() {
            self.report.error("missing-file", setting, "the path of a file is empty").help("name a file");
            return None;
        }
        let path = self.location(setting, file);
        let shown = shown(&path);
        match self.reader.read(&path, MAX_FILE_BYTES) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.report
                    .error("missing-file", setting, format!("there is no file `{shown}`"))
                    .help("paths start from the folder of the file that they are written in");
                None
            }
            Err(error) => {
                let message = format!("`{shown}` cannot be read: {error}");
                self.report.error("unreadable-file", setting, message).help("name a file that you may read");
                None
            }
            Ok(bytes) if bytes.len() > MAX_FILE_BYTES => {
                let message = format!("`{shown}` is larger than {} MiB", MAX_FILE_BYTES >> 20);
                self.report.error("file-too-large", setting, message).help("split it, or name another file");
                None
            }
            Ok(bytes) => self.utf8(setting, &path, bytes),
        }
    }

    fn utf8(&mut self, setting: &Path, path: &std::path::Path, bytes: Vec<u8>) -> Option<String> {
        let text = String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
        if text.is_none() {
            let message = format!("`{}` is no text in UTF-8", shown(path));
            self.report.error("file-not-text", setting, message).help("save it as UTF-8, or name another file");
        }
        text
    }
}

/// A path for people: without `./` and without `folder/..`. Only for showing, as a folder may be a link.
fn shown(path: &std::path::Path) -> String {
    let mut plain = PathBuf::new();
    for part in path.components() {
        let is_after_folder = plain.components().next_back().is_some_and(|last| matches!(last, Component::Normal(_)));
        match part {
            Component::CurDir => {}
            Component::ParentDir if is_after_folder => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain.display().to_string()
}
