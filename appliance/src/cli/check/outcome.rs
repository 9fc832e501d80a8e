//! What the check of one subject came to.

use serde::Serialize;
use serde_json::{Value, json};

/// How it is, the worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    Skipped,
    Ok,
    Warning,
    Failed,
}

/// What kind of failure it is. Of several, the last one in this order is the exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Code {
    Failure,
    Locked,
    Configuration,
}

impl Code {
    pub(super) fn status(self) -> u8 {
        match self {
            Code::Failure => 1,
            Code::Locked => 4,
            Code::Configuration => 3,
        }
    }
}

/// Findings, each a sentence, and what to do about those that are not well.
#[derive(Debug)]
pub(super) struct Outcome {
    status: Status,
    found: Vec<String>,
    advice: Vec<String>,
    code: Option<Code>,
}

impl Outcome {
    /// Nothing found yet, and nothing wrong.
    pub(super) fn new() -> Self {
        Self { status: Status::Ok, found: Vec::new(), advice: Vec::new(), code: None }
    }

    pub(super) fn skipped(why: impl Into<String>) -> Self {
        Self { status: Status::Skipped, found: vec![why.into()], ..Self::new() }
    }

    /// One that ends with its first failure.
    pub(super) fn failed(code: Code, found: impl Into<String>, advice: impl Into<String>) -> Self {
        let mut outcome = Self::new();
        outcome.fail(code, found, advice);
        outcome
    }

    pub(super) fn find(&mut self, found: impl Into<String>) {
        self.found.push(found.into());
    }

    pub(super) fn warn(&mut self, found: impl Into<String>, advice: impl Into<String>) {
        self.status = self.status.max(Status::Warning);
        self.found.push(found.into());
        self.advice.push(advice.into());
    }

    pub(super) fn fail(&mut self, code: Code, found: impl Into<String>, advice: impl Into<String>) {
        self.warn(found, advice);
        self.status = Status::Failed;
        self.code = self.code.max(Some(code));
    }

    pub(super) fn status(&self) -> Status {
        self.status
    }

    pub(super) fn code(&self) -> Option<Code> {
        self.code
    }

    pub(super) fn findings(&self) -> &[String] {
        &self.found
    }

    pub(super) fn advice(&self) -> &[String] {
        &self.advice
    }

    pub(super) fn to_json(&self, subject: &str) -> Value {
        let mut check = json!({"subject": subject, "status": self.status, "found": self.found.join("; ")});
        if !self.advice.is_empty() {
            check["advice"] = self.advice.join("; ").into();
        }
        check
    }
}
