//! Chromium without a window, driven through its DevTools protocol over two pipes, to look at pages as a reader does.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// After this long a browser is taken to hang, and killed.
const PATIENCE: Duration = Duration::from_secs(240);

/// A running browser with one page.
pub struct Browser {
    child: Arc<Mutex<Child>>,
    input: File,
    output: BufReader<File>,
    session: Option<String>,
    last: u64,
    page: String,
    /// Errors of scripts and of the page, and requests to other files, since the page was opened.
    pub problems: Vec<String>,
    loaded: bool,
    _folder: tempfile::TempDir,
}

/// A browser: `SEGSPEC_CHROMIUM`, else Chromium or Chrome of the system. None, with a word to the person, where there is none.
pub fn browser() -> Option<Browser> {
    let named = std::env::var_os("SEGSPEC_CHROMIUM").map(PathBuf::from);
    let program = named.into_iter().chain(["chromium", "chromium-browser", "google-chrome"].map(PathBuf::from));
    let works = |program: &PathBuf| {
        let version = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        version.is_ok_and(|status| status.success())
    };
    let found = program.into_iter().find(works);
    if found.is_none() || cfg!(not(unix)) {
        println!("skipped: no Chromium (set SEGSPEC_CHROMIUM)");
        return None;
    }
    found.map(|program| Browser::start(&program))
}

impl Browser {
    fn start(program: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let [to, from] = ["to", "from"].map(|name| folder.path().join(name));
        let made = Command::new("mkfifo").args([&to, &from]).status().expect("mkfifo");
        assert!(made.success(), "mkfifo");
        let flags = [
            "--headless=new",
            "--no-sandbox",
            "--remote-debugging-pipe",
            "--use-angle=swiftshader",
            "--enable-unsafe-swiftshader",
            "--ignore-gpu-blocklist",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-first-run",
            "--hide-scrollbars",
        ];
        let child = Command::new("sh")
            .args(["-c", "to=$1 from=$2; shift 2; exec \"$@\" 3<\"$to\" 4>\"$from\"", "sh"])
            .args([&to, &from])
            .arg(program)
            .args(flags)
            .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        let child = Arc::new(Mutex::new(child));
        watch(child.clone());
        // In the order in which the shell opens the other ends.
        let input = OpenOptions::new().write(true).open(&to).expect("the browser's input");
        let output = BufReader::new(File::open(&from).expect("the browser's output"));
        let mut browser = Self {
            child,
            input,
            output,
            session: None,
            last: 0,
            page: String::new(),
            problems: Vec::new(),
            loaded: false,
            _folder: folder,
        };
        let target = browser.call("Target.createTarget", json!({ "url": "about:blank" }));
        let attached =
            browser.call("Target.attachToTarget", json!({ "targetId": target["targetId"], "flatten": true }));
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        browser
    }

    /// Sends a command and waits for its result.
    pub fn call(&mut self, method: &str, params: Value) -> Value {
        self.last += 1;
        let mut message = json!({ "id": self.last, "method": method, "params": params });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        write!(self.input, "{message}\0").expect("the browser takes commands");
        loop {
            let message = self.next();
            if message["id"] == json!(self.last) {
                assert!(message.get("error").is_none(), "{method}: {message}");
                return message["result"].clone();
            }
        }
    }

    fn next(&mut self) -> Value {
        let mut bytes = Vec::new();
        self.output.read_until(0, &mut bytes).expect("the browser answers");
        assert!(bytes.pop() == Some(0), "the browser has ended");
        let message: Value = serde_json::from_slice(&bytes).expect("JSON");
        self.note(&message);
        message
    }

    /// Keeps what should not happen.
    fn note(&mut self, message: &Value) {
        let params = &message["params"];
        let problem = match message["method"].as_str().unwrap_or_default() {
            "Page.loadEventFired" => {
                self.loaded = true;
                None
            }
            "Runtime.exceptionThrown" => Some(params["exceptionDetails"].to_string()),
            "Runtime.consoleAPICalled" if params["type"] == "error" => Some(params["args"].to_string()),
            "Log.entryAdded" if params["entry"]["level"] == "error" => Some(params["entry"].to_string()),
            "Network.requestWillBeSent" => {
                let url = params["request"]["url"].as_str().unwrap_or_default();
                let own = url == self.page || url.starts_with("data:") || url.starts_with("blob:");
                (!own).then(|| format!("request: {}", url.chars().take(200).collect::<String>()))
            }
            _ => None,
        };
        self.problems.extend(problem);
    }

    /// Opens a file in a window of this size, light or dark, and waits until it is loaded.
    pub fn open(&mut self, file: &Path, [width, height]: [u32; 2], dark: bool) {
        let scheme = if dark { "dark" } else { "light" };
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.call("Emulation.setEmulatedMedia", json!({ "media": "", "features": features }));
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.call("Emulation.setDeviceMetricsOverride", size);
        self.page = format!("file://{}", file.display());
        self.problems.clear();
        self.loaded = false;
        self.call("Page.navigate", json!({ "url": self.page }));
        while !self.loaded {
            self.next();
        }
    }

    /// Value of an expression; promises are waited for.
    pub fn value(&mut self, expression: &str) -> Value {
        let params = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let result = self.call("Runtime.evaluate", params);
        assert!(result.get("exceptionDetails").is_none(), "{expression}: {result}");
        result["result"]["value"].clone()
    }

    /// Waits until an expression is true.
    pub fn wait_for(&mut self, expression: &str) {
        let start = Instant::now();
        while self.value(expression) != json!(true) {
            assert!(start.elapsed() < PATIENCE / 4, "{expression} does not become true: {:?}", self.problems);
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Presses a key on what has the focus.
    pub fn press(&mut self, key: &str) {
        for kind in ["keyDown", "keyUp"] {
            self.call("Input.dispatchKeyEvent", json!({ "type": kind, "key": key }));
        }
    }

    /// A picture of the whole page, and the page as PDF, in base64: to be looked at by a person.
    pub fn picture(&mut self) -> String {
        let params = json!({ "format": "png", "captureBeyondViewport": true });
        self.call("Page.captureScreenshot", params)["data"].as_str().unwrap_or_default().to_owned()
    }

    /// The page as PDF, in base64.
    pub fn print(&mut self) -> String {
        let params = json!({ "printBackground": true, "preferCSSPageSize": true });
        self.call("Page.printToPDF", params)["data"].as_str().unwrap_or_default().to_owned()
    }
}

/// Ends a browser that hangs, so that its test fails instead of waiting for ever.
fn watch(child: Arc<Mutex<Child>>) {
    std::thread::spawn(move || {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(500));
            if !matches!(child.lock().map(|mut child| child.try_wait()), Ok(Ok(None))) {
                return;
            }
        }
        if let Ok(mut child) = child.lock() {
            let _ = child.kill();
        }
    });
}

impl Drop for Browser {
    fn drop(&mut self) {
        if let Ok(mut child) = self.child.lock() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
