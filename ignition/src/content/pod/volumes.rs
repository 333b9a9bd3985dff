//! Volumes of static pods: parts of the node that a pod sees.

use k8s_openapi::api::core::v1::{self, EmptyDirVolumeSource, HostPathVolumeSource, VolumeMount};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kfimg_profiles::description::{ExtraVolume, PathType};

/// A volume with its one mount. Names of kfimg's own begin with `kfimg-`, so that they differ from a description's.
#[derive(Clone, Debug)]
pub(in crate::content) struct Volume {
    name: String,
    source: Source,
    mount_path: String,
    read_only: bool,
}

#[derive(Clone, Debug)]
enum Source {
    HostPath { path: String, path_type: PathType },
    Memory { size: &'static str },
}

impl Volume {
    /// A folder of the node, read-only. It must exist: the kubelet waits for it and says so.
    pub(in crate::content) fn folder(name: &str, path: &str, mount_path: &str) -> Self {
        Self::host_path(name, path, PathType::Directory, mount_path)
    }

    /// A file of the node, read-only. It must exist.
    pub(in crate::content) fn file(name: &str, path: &str, mount_path: &str) -> Self {
        Self::host_path(name, path, PathType::File, mount_path)
    }

    /// A small folder in memory that is empty at every start.
    pub(in crate::content) fn memory(name: &str, size: &'static str, mount_path: &str) -> Self {
        Self {
            name: name.to_owned(),
            source: Source::Memory { size },
            mount_path: mount_path.to_owned(),
            read_only: false,
        }
    }

    fn host_path(name: &str, path: &str, path_type: PathType, mount_path: &str) -> Self {
        Self {
            name: name.to_owned(),
            source: Source::HostPath { path: path.to_owned(), path_type },
            mount_path: mount_path.to_owned(),
            read_only: true,
        }
    }

    /// The same volume, to be written to.
    pub(in crate::content) fn writable(self) -> Self {
        Self { read_only: false, ..self }
    }

    pub(super) fn mount(&self) -> VolumeMount {
        VolumeMount {
            name: self.name.clone(),
            mount_path: self.mount_path.clone(),
            read_only: self.read_only.then_some(true),
            ..VolumeMount::default()
        }
    }

    pub(super) fn source(&self) -> v1::Volume {
        let name = self.name.clone();
        match &self.source {
            Source::HostPath { path, path_type } => v1::Volume {
                name,
                host_path: Some(HostPathVolumeSource {
                    path: path.clone(),
                    type_: Some(type_name(*path_type).to_owned()),
                }),
                ..v1::Volume::default()
            },
            Source::Memory { size } => v1::Volume {
                name,
                empty_dir: Some(EmptyDirVolumeSource {
                    medium: Some("Memory".to_owned()),
                    size_limit: Some(Quantity((*size).to_owned())),
                }),
                ..v1::Volume::default()
            },
        }
    }
}

impl From<&ExtraVolume> for Volume {
    fn from(extra: &ExtraVolume) -> Self {
        Self {
            name: extra.name.clone(),
            source: Source::HostPath { path: extra.host_path.clone(), path_type: extra.path_type },
            mount_path: extra.mount_path.clone(),
            read_only: extra.read_only.unwrap_or(true),
        }
    }
}

fn type_name(path_type: PathType) -> &'static str {
    match path_type {
        PathType::Directory => "Directory",
        PathType::DirectoryOrCreate => "DirectoryOrCreate",
        PathType::File => "File",
        PathType::FileOrCreate => "FileOrCreate",
    }
}
