//! Chromium without a window, which shows a page, is asked about it, and paints it.
//!
//! Source: Chrome DevTools Protocol, which `--remote-debugging-pipe` speaks on the descriptors 3 and 4, a zero after each message.

use super::program::find;
use data_encoding::BASE64;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// Time for one answer of it, far more than it takes.
const BOUND: Duration = Duration::from_secs(180);

/// How a page is seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) is_dark: bool,
}

/// A browser with one page. It ends with this value.
pub(crate) struct Browser {
    process: Child,
    input: ChildStdin,
    messages: Receiver<Value>,
    last: u64,
    session: Value,
}

impl Browser {
    /// Starts it, with its files in this folder.
    pub(crate) fn start(folder: &Path) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", "exec \"$@\" 3<&0 4>&1 0</dev/null 1>/dev/null", "sh"]).arg(find("chromium"));
        shell.args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-pipe"]);
        shell.arg(format!("--user-data-dir={}", folder.display()));
        let mut process = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let (input, output) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        let (send, messages) = channel();
        std::thread::spawn(move || {
            for message in BufReader::new(output).split(0).map_while(Result::ok) {
                let _ = send.send(serde_json::from_slice(&message).unwrap());
            }
        });
        let mut browser = Self { process, input, messages, last: 0, session: Value::Null };
        let target = browser.call("Target.createTarget", &json!({"url": "about:blank"}));
        let session = browser.call("Target.attachToTarget", &json!({"targetId": target["targetId"], "flatten": true}));
        browser.session = session["sessionId"].clone();
        browser
    }

    /// Lets it do something; what it says to that.
    fn call(&mut self, method: &str, parameters: &Value) -> Value {
        self.last += 1;
        let mut message = json!({"id": self.last, "method": method, "params": parameters});
        if !self.session.is_null() {
            message["sessionId"] = self.session.clone();
        }
        self.input.write_all(format!("{message}\0").as_bytes()).unwrap();
        loop {
            let mut said =
                self.messages.recv_timeout(BOUND).unwrap_or_else(|error| panic!("Chromium, {method}: {error}"));
            if said["id"] == self.last {
                assert!(said["error"].is_null(), "{method}: {said}");
                return said["result"].take();
            }
        }
    }

    /// Opens a page, which need not be whole afterwards.
    pub(crate) fn open(&mut self, url: &str) {
        self.call("Page.navigate", &json!({"url": url}));
    }

    /// Shows it in such a window.
    pub(crate) fn show(&mut self, window: Window) {
        let Window { width, height, is_dark } = window;
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", &size);
        let scheme = if is_dark { "dark" } else { "light" };
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.call("Emulation.setEmulatedMedia", &json!({"features": features}));
    }

    /// The value of an expression on the page.
    pub(crate) fn value(&mut self, expression: &str) -> Value {
        let said = self.call("Runtime.evaluate", &json!({"expression": expression, "returnByValue": true}));
        assert!(said["exceptionDetails"].is_null(), "{said}");
        said["result"]["value"].clone()
    }

    /// Waits until an expression is true on the page, which has no body when its loading has just begun.
    pub(crate) fn until(&mut self, expression: &str) {
        let begin = Instant::now();
        let whole = format!("document.body !== null && ({expression})");
        while self.value(&whole) != true {
            let shown = self.value("document.body ? document.body.innerText : ''");
            assert!(begin.elapsed() < BOUND, "{expression} never was so: {shown}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Paints what the window shows, or the whole page, as a PNG.
    pub(crate) fn paint(&mut self, is_whole: bool, path: &Path) {
        self.save("Page.captureScreenshot", &json!({"captureBeyondViewport": is_whole}), path);
    }

    /// Prints the page without header and footer, as a PDF.
    pub(crate) fn print(&mut self, path: &Path) {
        self.save("Page.printToPDF", &json!({"displayHeaderFooter": false, "printBackground": true}), path);
    }

    fn save(&mut self, method: &str, parameters: &Value, path: &Path) {
        let said = self.call(method, parameters);
        std::fs::write(path, BASE64.decode(said["data"].as_str().unwrap().as_bytes()).unwrap()).unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
