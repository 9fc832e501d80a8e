//! How long it takes to verify a large log, and how much memory.

use std::fs;
use std::io::BufWriter;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use redoubt_audit::bundle::{self, Folder, Tar};
use redoubt_audit::tile::TileId;
use redoubt_audit::verify::{Known, Verdict, verify};
use redoubt_audit::{Hash, Record};

use crate::appliance::{Appliance, Exported, Failure, Order};
use crate::random::Random;

/// A log of which only the bytes are kept: a million records with all their fields would be gigabytes.
struct Large {
    appliance: Appliance,
    bytes: Vec<u8>,
    /// Where each record ends.
    ends: Vec<usize>,
}

impl Large {
    /// So many events, a checkpoint every thousand of them, five epochs.
    fn new(count: u64) -> (Self, Exported) {
        let mut large = Self { appliance: Appliance::new(Random(3)), bytes: Vec::new(), ends: Vec::new() };
        for event in 1..=count {
            large.appliance.happen();
            if event % 1_000 == 0 {
                large.appliance.checkpoint();
                large.keep();
            }
            if event % (count / 5) == 0 {
                large.appliance.rotate();
            }
        }
        let exported = large.appliance.export(&Order::default());
        large.keep();
        (large, exported)
    }

    fn keep(&mut self) {
        for record in self.appliance.records.drain(..) {
            self.bytes.extend(record.bytes());
            self.ends.push(self.bytes.len());
        }
    }
}

impl bundle::Log for Large {
    type Error = Failure;

    fn records(&self, from: u64, to: u64) -> Result<Vec<Record>, Failure> {
        let [from, to] = [usize::try_from(from)?, usize::try_from(to)?];
        let mut begin = from.checked_sub(1).map_or(0, |before| self.ends[before]);
        let records = self.ends[from..to].iter().map(|end| {
            let record = Record::parse(&self.bytes[begin..*end])?;
            begin = *end;
            Ok(record)
        });
        records.collect()
    }

    fn tile(&self, id: TileId) -> Result<Vec<Hash>, Failure> {
        self.appliance.tile(id)
    }
}

const BUNDLE: &str = "REDOUBT_TEST_BUNDLE";

/// A hundred thousand records, a million in a long run (`REDOUBT_LONG=1`); read the numbers with `--nocapture`.
#[test]
fn how_long_it_takes_to_verify_a_large_log() {
    let folder = tempfile::tempdir().unwrap();
    let count = if crate::long() { 1_000_000 } else { 100_000 };
    let paths = [folder.path().join("folder"), folder.path().join("archive.tar")];
    let (large, exported) = Large::new(count);
    let parts = large.appliance.parts(&exported);
    bundle::write(&parts, &large, Folder::create(&paths[0]).unwrap()).unwrap();
    let archive = BufWriter::new(fs::File::create(&paths[1]).unwrap());
    bundle::write(&parts, &large, Tar::new(archive)).unwrap();
    for path in &paths {
        let program = std::env::current_exe().unwrap();
        let output = Command::new(program)
            .args(["--exact", "speed::verifies_what_it_is_given", "--ignored", "--nocapture"])
            .env(BUNDLE, path)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let measured = said.lines().find(|line| line.contains(" records in ")).unwrap();
        println!("{}: {measured}", path.file_name().unwrap().display());
    }
}

/// A process of its own, whose memory is the verifier's.
#[test]
#[ignore = "how_long_it_takes_to_verify_a_large_log starts it"]
fn verifies_what_it_is_given() {
    let path = std::env::var_os(BUNDLE).unwrap();
    let started = Instant::now();
    let report = verify(Path::new(&path), &Known::default()).unwrap().report;
    let seconds = started.elapsed().as_secs_f64();
    assert_eq!(report.verdict, Verdict::Unanchored, "{report:?}");
    println!("{} records in {seconds:.2} s, at most {}", report.size.unwrap(), peak_memory());
}

fn peak_memory() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().to_owned()
}
