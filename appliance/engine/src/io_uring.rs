//! Whether this process can make an io_uring, which would do for it what a filter of system calls refuses by name.
//!
//! The appliance asks when it tries its cages. It is in this package because no other one has `unsafe`.

#![expect(unsafe_code, reason = "no safe library makes this call")]

use std::arch::asm;
use std::io;
use std::os::fd::{FromRawFd as _, OwnedFd};

/// io_uring_setup(2) on x86-64.
const SETUP: isize = 425;
/// `struct io_uring_params`, all of it zero: 120 bytes, of which the kernel fills in some.
type Parameters = [u64; 15];

/// Makes the smallest io_uring and gives it back at once.
///
/// # Errors
/// What the kernel answers.
pub fn make() -> io::Result<()> {
    let mut parameters: Parameters = [0; 15];
    let answer: isize;
    // SAFETY: the kernel reads and writes the parameters, which are as long as it takes them to be, and changes
    // no register but those that are named.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") SETUP => answer,
            in("rdi") 1,
            in("rsi") parameters.as_mut_ptr(),
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    match i32::try_from(answer) {
        // SAFETY: the kernel has just opened it for this process, and nobody else knows of it.
        Ok(opened @ 0..) => drop(unsafe { OwnedFd::from_raw_fd(opened) }),
        Ok(refused) => return Err(io::Error::from_raw_os_error(-refused)),
        Err(_) => return Err(io::ErrorKind::InvalidData.into()),
    }
    Ok(())
}
