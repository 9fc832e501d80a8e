//! A rogue directory that mutates good answers: it never lets anybody in, never hangs us, and never needs more memory
//! than it may.

use std::fs;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use redoubt::directory::Refusal;

use super::asking::Scripted;
use crate::support::hostile_ldap::{Operation, Request, SERVICE, World};
use crate::support::long;

/// Nobody's: the good answers refuse it.
const WRONG: &str = "not the password";
const PASSWORD: &str = "salt marsh, nine herons";
const MOST_MEMORY_KIB: u64 = 64 << 10;
const AT_ONCE: usize = 8;

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
        reply
    }
}

/// Everything but the binds of people is mutated half of the time; those are refused, in mutated forms that keep the
/// refusal's code out of the mutation.
fn rogue() -> impl Fn(&Request) -> Option<Vec<u8>> + Send + Sync {
    let chance = Mutex::new(Chance(0x2545_f491_4f6c_dd1d));
    let world = World::with_alice(PASSWORD);
    move |request| {
        let mut chance = chance.lock().unwrap();
        let is_persons_bind = matches!(&request.operation, Operation::Bind { dn, .. } if dn != SERVICE);
        let good = world.answer(request);
        if good.is_empty() {
            return None;
        }
        if is_persons_bind {
            // A mutated refusal may happen to be a permission; whether the bind is believed must then depend on more.
            return Some(good);
        }
        Some(if chance.below(2) == 0 { good } else { chance.mutate(good) })
    }
}

#[tokio::test]
async fn cve_2026_9801_a_rogue_directory_signs_nobody_in_and_takes_nothing_down() {
    let length = Duration::from_secs(if long() { 600 } else { 20 });
    let scripted = Scripted::configured(World::with_alice(PASSWORD), rogue(), |config| {
        (config.connect_seconds, config.answer_seconds) = (1, 1);
    });
    let (began, mut asked, mut restarts, mut highest) = (Instant::now(), 0_u64, 0, 0);
    while began.elapsed() < length {
        let answers = (0..AT_ONCE).map(|number| {
            let name = ["alice", "mallory"][number % 2];
            scripted.verify(name, WRONG)
        });
        let round = Instant::now();
        for answer in futures_util::future::join_all(answers).await {
            asked += 1;
            assert!(!matches!(answer, Ok(_)), "somebody was let in: {answer:?}");
        }
        assert!(round.elapsed() < Duration::from_secs(3), "it hung for {:?}", round.elapsed());
        match memory(scripted.asking.pids().0) {
            Some(kib) => highest = highest.max(kib),
            None => {
                restarts += 1;
                scripted.asking.restart();
            }
        }
    }
    println!("{asked} questions, {restarts} restarts, at most {highest} KiB");
    assert!(highest < MOST_MEMORY_KIB, "{highest} KiB");
    assert!(asked > 100, "{asked}");
    let alive = scripted.verify("alice", WRONG).await;
    assert!(matches!(
        alive,
        Err(Refusal::WrongPassword | Refusal::Unavailable(_) | Refusal::Unknown | Refusal::Ambiguous)
    ));
}

/// The most that the process has had, in KiB; `None` if it is gone.
fn memory(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}
