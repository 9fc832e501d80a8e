//! A rogue directory that mutates good answers: it never lets anybody in, never hangs us, and never needs more memory
//! than it may.

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::asking::Scripted;
use crate::support::hostile_ldap::{Operation, Request, SERVICE, World};
use crate::support::long;

/// Nobody's: the good answers refuse it.
const WRONG: &str = "not the password";
const PASSWORD: &str = "salt marsh, nine herons";
const MOST_MEMORY_KIB: u64 = 64 << 10;
const AT_ONCE: usize = 64;
/// A second for the answer, and room for a busy machine.
const LONGEST: Duration = Duration::from_secs(4);
/// Completes most replies that end too early, so that they are looked at and not waited for.
const FILLING: usize = 4 << 10;

/// A generator of its own (xorshift), so that a run can be repeated.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % limit.max(1)
    }

    fn byte(&mut self) -> u8 {
        const TELLING: [u8; 16] =
            [0, 1, 4, 0x0a, 0x30, 0x31, 0x61, 0x64, 0x65, 0x78, 0x7f, 0x80, 0x81, 0x84, 0xa0, 0xff];
        if self.below(2) == 0 { TELLING[self.below(16)] } else { u8::try_from(self.below(256)).unwrap() }
    }

    /// Changes a reply a little, or a lot.
    fn mutate(&mut self, mut reply: Vec<u8>) -> Vec<u8> {
        for _ in 0..1 + self.below(4) {
            let at = self.below(reply.len());
            match self.below(9) {
                0 => reply[at] ^= 1 << self.below(8),
                1 | 2 => reply[at] = self.byte(),
                3 => reply.truncate(at.max(1)),
                4 => reply.insert(at, self.byte()),
                5 => drop(reply.remove(at)),
                6 => {
                    let piece = reply[at..(at + self.below(64)).min(reply.len())].to_vec();
                    reply.splice(at..at, piece.repeat(1 + self.below(100)));
                }
                7 => reply.splice(at..at, [0x84, 0, 0x0f, 0xff, 0xff]).for_each(drop),
                _ => {
                    let filling = self.byte();
                    reply.extend(vec![filling; self.below(200_000)]);
                }
            }
            if reply.is_empty() {
                reply.push(0x30);
            }
        }
        if self.below(8) > 0 {
            let filling = self.byte();
            reply.extend([filling; FILLING]);
        }
        reply
    }
}

/// Every second answer is mutated, but for those to binds of people: what refuses a password stays a refusal.
fn rogue(mutated: Arc<AtomicU64>) -> impl Fn(&Request) -> Option<Vec<u8>> + Send + Sync {
    let chance = Mutex::new(Chance(0x2545_f491_4f6c_dd1d));
    let world = World::with_alice(PASSWORD);
    move |request| {
        let mut chance = chance.lock().unwrap();
        let is_persons_bind = matches!(&request.operation, Operation::Bind { dn, .. } if dn != SERVICE);
        let good = world.answer(request);
        if is_persons_bind || good.is_empty() || chance.below(2) == 0 {
            return Some(good);
        }
        mutated.fetch_add(1, Ordering::Relaxed);
        Some(chance.mutate(good))
    }
}

/// Asks one question after the other until `end`, and returns how many.
async fn ask(scripted: Arc<Scripted>, name: &str, end: Instant) -> u64 {
    let mut asked = 0;
    while Instant::now() < end {
        let began = Instant::now();
        let answer = scripted.verify(name, WRONG).await;
        assert!(answer.is_err(), "somebody was let in: {answer:?}");
        assert!(began.elapsed() < LONGEST, "it hung for {:?}", began.elapsed());
        asked += 1;
    }
    asked
}

#[tokio::test]
async fn cve_2026_9801_a_rogue_directory_signs_nobody_in_and_takes_nothing_down() {
    let end = Instant::now() + Duration::from_secs(if long() { 600 } else { 20 });
    let mutated = Arc::new(AtomicU64::new(0));
    let world = World::with_alice(PASSWORD);
    let scripted = Arc::new(Scripted::configured(world, rogue(Arc::clone(&mutated)), |config| {
        (config.connect_seconds, config.answer_seconds) = (1, 1);
    }));
    let names = ["alice", "mallory"].into_iter().cycle().take(AT_ONCE);
    let asking: Vec<_> = names.map(|name| tokio::spawn(ask(Arc::clone(&scripted), name, end))).collect();
    let (mut restarts, mut highest) = (0, 0);
    while Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(50)).await;
        match memory(scripted.asking.pids().0) {
            Some(kib) => highest = highest.max(kib),
            None => {
                restarts += 1;
                scripted.asking.restart();
            }
        }
    }
    let mut asked = 0;
    for asking in asking {
        asked += asking.await.unwrap();
    }
    let mutated = mutated.load(Ordering::Relaxed);
    println!("{asked} questions, {mutated} mutated replies, {restarts} restarts, at most {highest} KiB");
    assert!(highest < MOST_MEMORY_KIB, "{highest} KiB");
    assert!(asked > 500 && mutated > 500, "{asked} questions, {mutated} mutated replies");
    // Its memory shows that it is there still, or again.
    assert!(memory(scripted.asking.pids().0).is_some());
}

/// The most that the process has had, in KiB; `None` if it is gone.
fn memory(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}
