//! Redoubt: an AI chat appliance for networks that have no way out.
//!
//! This package joins the three others (`redoubt-engine`, `redoubt-store`, `redoubt-audit`) with the web
//! interface, sign-in and the command line. `ARCHITECTURE.md` beside it is the map.

pub mod access;
pub mod app;
pub mod audit;
pub mod backup;
pub mod chat;
pub mod cli;
pub mod clock;
pub mod completions;
pub mod config;
pub mod control;
pub mod directory;
pub mod durable;
pub mod embeddings;
pub mod forwarding;
pub mod front;
pub mod http;
pub mod identity;
pub mod lockdown;
pub mod logs;
pub mod metrics;
pub mod models;
pub mod outward;
pub mod places;
pub mod processes;
pub mod random;
pub mod records;
pub mod refusals;
pub mod retention;
pub mod self_tests;
pub mod space;
pub mod start;
pub mod unlock;
pub mod versions;
