//! The whole suite of the browser in a network of its own, under strace: neither the appliance nor the page that it
//! serves, nor the browser for it, sends anything to anybody.

use std::path::Path;
use std::process::Command;

use super::capture::{Begun, Capture};
use super::network::in_a_network_of_its_own;
use super::trace::{self, Trace};

#[test]
#[ignore = "takes minutes, wants chromium, and still sees questions about names from beside the appliance"]
fn the_browsers_suite_passes_without_a_packet_to_anybody() {
    in_a_network_of_its_own(|| {
        let traces = tempfile::tempdir().unwrap();
        let capture = Capture::begin();
        let webui = Path::new(env!("CARGO_MANIFEST_DIR")).join("../webui");
        let mut suite = Command::new("npm");
        suite.args(["run", "--silent", "e2e"]).current_dir(webui);
        let status = suite.env("REDOUBT_THROUGH", trace::words(traces.path()).join(" ")).status().unwrap();
        let seen = capture.end();
        assert!(status.success(), "the suite itself failed");
        assert_eq!(seen.outside(), [] as [&Begun; 0]);
        let trace = Trace::read(traces.path());
        assert_eq!(trace.outward(|address| address.ip().is_loopback()), [] as [&str; 0]);
        let calls: Vec<_> =
            ["@front", "@engine", "@dialler"].into_iter().map(|role| (role, trace.calls_of(role))).collect();
        assert!(calls.iter().all(|(_, calls)| *calls > 0), "{calls:?}");
        println!("{} frames, 0 packets to anybody outside; calls of the network: {calls:?}", seen.frames);
    });
}
