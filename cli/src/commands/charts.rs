//! Helm charts: `helm template` renders each, and its objects become manifests of the cluster.
//!
//! helm finds no configuration, plug-in or cache of the person who runs it, and needs no network: a chart brings the charts that
//! it depends on. What the objects mean is judged where those of the user's own files are.

mod namespace;

use crate::console::Console;
use crate::failure::Failure;
use kfimg_profiles::cluster::{Chart, Cluster, Manifest};
use kfimg_profiles::resolve::rendered;
use std::io::{ErrorKind, Read};
use std::path::{Path, absolute};
use std::process::{Child, Command, Stdio};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

/// The program.
const HELM: &str = "helm";
/// Bound of one chart; large ones take a few seconds.
const TIME: Duration = Duration::from_secs(120);
/// Time between two looks at a program that runs.
const LOOK: Duration = Duration::from_millis(10);
/// Most bytes of a chart's objects and of complaints.
const OUTPUT_LIMIT: u64 = 64 << 20;
const COMPLAINT_LIMIT: u64 = 64 << 10;

/// Renders every chart, in order; the objects stand after the cluster's manifests.
///
/// # Errors
/// [`Failure::Program`] when helm is missing or fails, [`Failure::Description`] when what it writes is unusable.
pub(super) fn render(cluster: &mut Cluster, console: &Console) -> Result<(), Failure> {
    for chart in std::mem::take(&mut cluster.charts) {
        let text = template(&chart, &cluster.version.to_string())?;
        let mut manifest = objects(&chart, &text, console)?;
        namespace::settle(&mut manifest, &chart.namespace, &cluster.manifests);
        cluster.manifests.push(manifest);
    }
    Ok(())
}

/// The objects that helm wrote. They stand, for people, where the description names the chart.
fn objects(chart: &Chart, text: &str, console: &Console) -> Result<Manifest, Failure> {
    let name = format!("chart {}", chart.name);
    let mut manifest = match rendered(&name, text) {
        Ok(manifest) => manifest,
        Err(wrong) => {
            let (report, sources) = &*wrong;
            console.problems(report, sources)?;
            let summary = format!("the {name} of {}:{} makes unusable objects", chart.file, chart.line);
            return Err(Failure::Description { summary, missing_input: false });
        }
    };
    manifest.path = format!("{name} of {}", chart.file);
    manifest.objects.iter_mut().for_each(|object| object.line = chart.line);
    Ok(manifest)
}

/// What `helm template` writes to its standard output.
fn template(chart: &Chart, version: &str) -> Result<String, Failure> {
    let failed = |reason: String| Failure::Program {
        program: HELM,
        reason: format!("rendering the chart `{}` of {}:{}: {reason}", chart.name, chart.file, chart.line),
    };
    let scratch = tempfile::tempdir().map_err(Failure::io("creating a folder in", &std::env::temp_dir()))?;
    let mut command = command(chart, version, scratch.path()).map_err(|error| failure(&failed, &error))?;
    let mut child = command.spawn().map_err(|error| failure(&failed, &error))?;
    let output = child.stdout.take().map(|pipe| read(pipe, OUTPUT_LIMIT));
    let complaint = child.stderr.take().map(|pipe| read(pipe, COMPLAINT_LIMIT));
    let succeeded = wait(&mut child).map_err(&failed)?;
    let (output, complaint) = (joined(output), joined(complaint));
    if !succeeded {
        return Err(failed(String::from_utf8_lossy(&complaint).trim().to_owned()));
    }
    if output.len() as u64 > OUTPUT_LIMIT {
        return Err(failed(format!("its objects have more than {} MiB", OUTPUT_LIMIT >> 20)));
    }
    String::from_utf8(output).map_err(|_| failed("its objects are no text in UTF-8".to_owned()))
}

fn failure(failed: &impl Fn(String) -> Failure, error: &std::io::Error) -> Failure {
    match error.kind() {
        ErrorKind::NotFound => failed("the program is not here; install it and see that PATH leads to it".to_owned()),
        _ => failed(error.to_string()),
    }
}

/// Paths are absolute: helm takes others for names in a repository, or for options.
fn command(chart: &Chart, version: &str, scratch: &Path) -> std::io::Result<Command> {
    let mut command = Command::new(HELM);
    command.args(["template", &chart.name]).arg(absolute(&chart.path)?);
    command.args(["--namespace", &chart.namespace, "--kube-version", version, "--include-crds", "--skip-tests"]);
    for file in &chart.values {
        command.arg("--values").arg(absolute(file)?);
    }
    for variable in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME", "HELM_PLUGINS"] {
        command.env(variable, scratch);
    }
    command.env("KUBECONFIG", "/dev/null").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Ok(command)
}

/// Waits for the end, and ends what takes too long.
fn wait(child: &mut Child) -> Result<bool, String> {
    let began = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status.success()),
            Ok(None) if began.elapsed() < TIME => sleep(LOOK),
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("it did not end within {} seconds", TIME.as_secs()));
            }
            Err(error) => return Err(error.to_string()),
        }
    }
}

/// Reads to the end, and keeps one byte more than the limit at most.
fn read(mut pipe: impl Read + Send + 'static, limit: u64) -> JoinHandle<Vec<u8>> {
    spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.by_ref().take(limit + 1).read_to_end(&mut bytes);
        let _ = std::io::copy(&mut pipe, &mut std::io::sink());
        bytes
    })
}

fn joined(reader: Option<JoinHandle<Vec<u8>>>) -> Vec<u8> {
    reader.and_then(|reader| reader.join().ok()).unwrap_or_default()
}
