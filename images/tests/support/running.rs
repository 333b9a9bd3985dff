//! The library's own registry over a bundle, as long as a test runs, and a client that asks it.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]

use kfimg_images::content::Content;
use kfimg_images::serve::{ServeError, ServeOptions, Server};
use kfimg_images::stop::Stop;
use std::collections::BTreeMap;
use std::io::Read;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use ureq::http::{Method, Request};

/// A registry that runs until it is dropped.
pub struct Running {
    pub address: SocketAddr,
    pub faults: Vec<String>,
    stop: Stop,
    thread: Option<JoinHandle<Result<(), ServeError>>>,
}

impl Running {
    pub fn start(content: Content, options: ServeOptions) -> Self {
        let server = Server::bind(&Arc::new(content), options).unwrap();
        let (address, faults, stop) = (server.address(), server.faults().to_vec(), Stop::new());
        let wish = stop.clone();
        let thread = Some(std::thread::spawn(move || server.run(&wish)));
        Self { address, faults, stop, thread }
    }

    /// Stops it and waits for its end.
    pub fn end(&mut self) {
        self.stop.ask();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap().unwrap();
        }
    }

    pub fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Reply {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut request = Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Reply::of(agent.run(request.body(()).unwrap()).unwrap())
    }

    pub fn get(&self, path: &str) -> Reply {
        self.ask(Method::GET, path, &[])
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.ask();
    }
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn of(response: ureq::http::Response<ureq::Body>) -> Self {
        let headers =
            response.headers().iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
        let (status, headers) = (response.status().as_u16(), headers.collect());
        let mut body = Vec::new();
        response.into_body().into_reader().read_to_end(&mut body).unwrap();
        Self { status, headers, body }
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub fn text(&self) -> &str {
        str::from_utf8(&self.body).unwrap()
    }
}
