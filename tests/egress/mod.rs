//! Nothing leaves: the shipped executable in a network where every address of the world answers and every packet is seen,
//! at work, under strace, and with an intruder in each of its processes.

// Marked as tests, so that the rules for tests hold for their helpers as well.
#[cfg(test)]
mod browsers;
#[cfg(test)]
mod calls;
#[cfg(test)]
mod capture;
#[cfg(test)]
mod intruder;
#[cfg(test)]
mod network;
#[cfg(test)]
mod packets;
#[cfg(test)]
mod trace;
#[cfg(test)]
mod trap;
#[cfg(test)]
mod work;
