//! Counters for Prometheus: what the appliance does, never who did it nor what it was about.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Methods that are counted by name; what else a client makes up is one of `other`.
const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

/// Counts since the start. Clones share them.
#[derive(Clone, Default)]
pub struct Metrics(Arc<Mutex<Counts>>);

#[derive(Default)]
struct Counts {
    /// By method, pattern of the route, and status.
    requests: BTreeMap<(&'static str, String, u16), u64>,
    /// By outcome.
    sign_ins: BTreeMap<&'static str, u64>,
    /// By the error's code.
    refusals: BTreeMap<&'static str, u64>,
}

/// What is looked up at the moment of the question.
#[derive(Clone, Debug, Default)]
pub struct Present {
    pub version: &'static str,
    pub uptime_seconds: u64,
    pub sessions: u64,
    pub answers_running: u64,
    pub answers_waiting: u64,
    pub engine_ready: bool,
    pub store_commits: u64,
    pub store_jobs: u64,
    pub storage_used_percent: u64,
    pub storage_reserve_gone: u64,
    /// Where a collector is configured: whether it is connected, and how many records it has not been sent.
    pub collector: Option<(bool, u64)>,
    /// By rule: alerts that nobody has acknowledged.
    pub alerts: Vec<(&'static str, u64)>,
    /// By model: tokens of prompts and of answers since the start.
    pub tokens: Vec<(String, u64, u64)>,
}

impl Metrics {
    pub fn request(&self, method: &str, route: &str, status: u16) {
        let method = METHODS.into_iter().find(|known| *known == method).unwrap_or("other");
        *self.counts().requests.entry((method, route.to_owned(), status)).or_default() += 1;
    }

    pub fn sign_in(&self, outcome: &'static str) {
        *self.counts().sign_ins.entry(outcome).or_default() += 1;
    }

    pub fn refusal(&self, code: &'static str) {
        *self.counts().refusals.entry(code).or_default() += 1;
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything in Prometheus' text format, version 0.0.4.
    pub fn render(&self, present: &Present) -> String {
        let mut page = Page(String::new());
        let counts = self.counts();
        page.family("redoubt_build_info", "gauge", "The version that runs.");
        page.line("redoubt_build_info", &[("version", present.version)], 1);
        page.family("redoubt_http_requests_total", "counter", "Requests by route and status.");
        for ((method, route, status), count) in &counts.requests {
            let labels = [("method", *method), ("route", route), ("status", &status.to_string())];
            page.line("redoubt_http_requests_total", &labels, *count);
        }
        page.family("redoubt_sign_ins_total", "counter", "Sign-ins by outcome.");
        for (outcome, count) in &counts.sign_ins {
            page.line("redoubt_sign_ins_total", &[("outcome", outcome)], *count);
        }
        page.family("redoubt_refusals_total", "counter", "Requests refused, by the error's code.");
        for (code, count) in &counts.refusals {
            page.line("redoubt_refusals_total", &[("code", code)], *count);
        }
        page.family("redoubt_tokens_total", "counter", "Tokens read and written, by model.");
        for (model, prompt, completion) in &present.tokens {
            page.line("redoubt_tokens_total", &[("model", model), ("kind", "prompt")], *prompt);
            page.line("redoubt_tokens_total", &[("model", model), ("kind", "completion")], *completion);
        }
        page.family("redoubt_alerts_open", "gauge", "Alerts that nobody has acknowledged, by rule.");
        for (rule, count) in &present.alerts {
            page.line("redoubt_alerts_open", &[("rule", rule)], *count);
        }
        page.present(present);
        page.0
    }
}

/// The text as far as it is written.
struct Page(String);

impl Page {
    fn present(&mut self, present: &Present) {
        let single = [
            ("redoubt_uptime_seconds", "gauge", "Since the start.", present.uptime_seconds),
            ("redoubt_sessions", "gauge", "Complete sessions.", present.sessions),
            ("redoubt_answers_running", "gauge", "Requests that the models are at.", present.answers_running),
            ("redoubt_answers_waiting", "gauge", "Requests that wait.", present.answers_waiting),
            ("redoubt_engine_ready", "gauge", "Whether the engine runs.", present.engine_ready.into()),
            ("redoubt_store_commits_total", "counter", "Transactions on the disk.", present.store_commits),
            ("redoubt_store_jobs_total", "counter", "Jobs in them.", present.store_jobs),
            ("redoubt_storage_used_percent", "gauge", "Taken of the disk.", present.storage_used_percent),
            ("redoubt_storage_reserve_gone", "gauge", "Whether it was full.", present.storage_reserve_gone),
        ];
        for (name, kind, help, value) in single {
            self.family(name, kind, help);
            self.line(name, &[], value);
        }
        if let Some((connected, waiting)) = present.collector {
            self.family(
                "redoubt_collector_connected",
                "gauge",
                "Whether the collector of records is connected.",
            );
            self.line("redoubt_collector_connected", &[], connected.into());
            self.family("redoubt_collector_waiting", "gauge", "Records that it has not been sent.");
            self.line("redoubt_collector_waiting", &[], waiting);
        }
    }

    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing into a string does not fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: u64) {
        let labels: Vec<String> =
            labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_in_the_text_format() {
        let metrics = Metrics::default();
        metrics.request("GET", "/api/v1/chats/{id}", 200);
        metrics.request("GET", "/api/v1/chats/{id}", 200);
        metrics.request("BREW\n\"", "(none)", 405);
        let present = Present { sessions: 3, tokens: vec![("a\"b\\".into(), 5, 7)], ..Present::default() };
        let page = metrics.render(&present);
        for line in [
            "redoubt_http_requests_total{method=\"GET\",route=\"/api/v1/chats/{id}\",status=\"200\"} 2",
            "redoubt_http_requests_total{method=\"other\",route=\"(none)\",status=\"405\"} 1",
            "redoubt_tokens_total{model=\"a\\\"b\\\\\",kind=\"completion\"} 7",
            "redoubt_sessions 3",
            "# TYPE redoubt_sessions gauge",
        ] {
            assert!(page.lines().any(|is| is == line), "{line} is not in\n{page}");
        }
        let names = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
        let names: Vec<&str> = names.collect();
        let samples = page.lines().filter(|line| !line.starts_with('#'));
        for sample in samples {
            let name = sample.split(['{', ' ']).next().unwrap();
            assert!(names.contains(&name), "{name} has no type");
        }
    }
}
