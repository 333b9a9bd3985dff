//! The library's own registry over a bundle, as long as a test runs.

use kfimg_images::content::Content;
use kfimg_images::serve::{ServeOptions, Server};
use kfimg_images::stop::Stop;
use std::sync::Arc;
use std::thread::JoinHandle;

/// Ends when it is dropped.
pub(crate) struct Served {
    /// `127.0.0.1:port`.
    pub(crate) host: String,
    stop: Stop,
    thread: Option<JoinHandle<()>>,
}

impl Served {
    pub(crate) fn start(content: Content) -> Self {
        let server = Server::bind(&Arc::new(content), ServeOptions::default()).unwrap();
        assert!(server.faults().is_empty(), "{:?}", server.faults());
        let (host, stop) = (server.address().to_string(), Stop::new());
        let wish = stop.clone();
        let thread = Some(std::thread::spawn(move || server.run(&wish).unwrap()));
        Self { host, stop, thread }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stop.ask();
        let ended = self.thread.take().map(JoinHandle::join);
        // A test that fails already says why.
        assert!(std::thread::panicking() || ended.is_none_or(|end| end.is_ok()), "the registry failed");
    }
}
