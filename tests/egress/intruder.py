"""An intruder in a running process: makes it issue the system calls that would lead out.

    intruder.py PID FOLDER PORT [--program]

The process is stopped between two instructions and made to execute `syscall` with the intruder's registers, as somebody
would who has come to execute code in it. So it is the shipped executable that is tried, with its own filters and its own
descriptors, and nothing has to be built into it. Every way is followed to its end: where it is open, PAYLOAD leaves.

Somebody must listen at PORT, for TCP and UDP; at FOLDER/socket; and under the abstract name of PORT in decimal.
Prints what the kernel answered to each way, as one JSON object. --program adds the one way that ends the process.

Linux on x86-64: ptrace(2), user_regs_struct of <sys/user.h>.
"""

import ctypes
import errno
import json
import os
import signal
import socket
import struct
import sys

PAYLOAD = b"REDOUBT-INTRUDER"
# Addresses for documentation (RFC 5737, RFC 3849). The test's network leads all addresses to itself.
FOREIGN4 = "203.0.113.7"
FOREIGN6 = "2001:db8::7"
NAME_SERVER = 53

NR = {"close": 3, "socket": 41, "connect": 42, "sendto": 44, "setsockopt": 54, "execve": 59, "io_uring_setup": 425}
IPPROTO_SCTP, IPPROTO_MPTCP = 132, 262
MSG_FASTOPEN, TCP_FASTOPEN_CONNECT = 0x20000000, 30
AF_ALG, AF_VSOCK, ETH_P_ALL = 38, 40, 3
NONBLOCK = socket.SOCK_NONBLOCK

PTRACE_SINGLESTEP, PTRACE_GETREGS, PTRACE_SETREGS = 9, 12, 13
PTRACE_ATTACH, PTRACE_DETACH = 16, 17
REGISTERS = (
    "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss "
    "fs_base gs_base ds es fs gs"
).split()
ARGUMENTS = ("rdi", "rsi", "rdx", "r10", "r8", "r9")
SYSCALL = b"\x0f\x05"
NO_CALL = 2**64 - 1


class Registers(ctypes.Structure):
    _fields_ = [(name, ctypes.c_ulonglong) for name in REGISTERS]

    def copy(self):
        return Registers.from_buffer_copy(self)


libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


class Killed(Exception):
    """The kernel ended the process for what it was made to do."""


class Intruder:
    """Holds the main thread of a process and issues system calls with it."""

    def __init__(self, pid):
        self.pid = pid
        self.ptrace(PTRACE_ATTACH)
        os.waitpid(pid, 0)
        self.before = Registers()
        self.ptrace(PTRACE_GETREGS, ctypes.addressof(self.before))
        self.memory = open(f"/proc/{pid}/mem", "r+b", buffering=0)
        self.instruction = self.find_instruction()

    def ptrace(self, request, data=0):
        if libc.ptrace(request, self.pid, None, data) == -1:
            raise OSError(ctypes.get_errno(), f"ptrace {request} of {self.pid}")

    def find_instruction(self):
        """Where the process has the instruction `syscall`."""
        for line in open(f"/proc/{self.pid}/maps"):
            span, rights = line.split()[:2]
            if rights != "r-xp" or "[v" in line:
                continue
            start, end = (int(bound, 16) for bound in span.split("-"))
            self.memory.seek(start)
            found = self.memory.read(end - start).find(SYSCALL)
            if found >= 0:
                return start + found
        raise SystemExit("the process has no system call to borrow")

    def call(self, name, *arguments):
        """Issues a system call; bytes among the arguments are put where the process can read them."""
        registers = self.before.copy()
        place = self.before.rsp
        numbers, stored = [], b""
        for argument in arguments:
            if isinstance(argument, bytes):
                numbers.append(place + len(stored))
                stored += argument + bytes(-len(argument) % 16)
            else:
                numbers.append(argument % 2**64)
        self.memory.seek(place)
        kept = self.memory.read(len(stored))
        self.write(place, stored)
        registers.rip, registers.rax, registers.orig_rax = self.instruction, NR[name], NO_CALL
        for register, number in zip(ARGUMENTS, numbers):
            setattr(registers, register, number)
        self.ptrace(PTRACE_SETREGS, ctypes.addressof(registers))
        self.ptrace(PTRACE_SINGLESTEP)
        _, status = os.waitpid(self.pid, 0)
        if os.WIFSIGNALED(status):
            raise Killed(signal.Signals(os.WTERMSIG(status)).name)
        self.ptrace(PTRACE_GETREGS, ctypes.addressof(registers))
        self.write(place, kept)
        answer = ctypes.c_longlong(registers.rax).value
        if answer < 0:
            raise OSError(-answer, name)
        return answer

    def write(self, place, stored):
        self.memory.seek(place)
        self.memory.write(stored)

    def leave(self):
        """The process goes on as if nothing had been."""
        self.ptrace(PTRACE_SETREGS, ctypes.addressof(self.before))
        self.ptrace(PTRACE_DETACH)


def inet4(port):
    return struct.pack("=H", socket.AF_INET) + struct.pack(">H", port) + socket.inet_pton(socket.AF_INET, FOREIGN4) + bytes(8)


def inet6(port):
    return (
        struct.pack("=H", socket.AF_INET6)
        + struct.pack(">HI", port, 0)
        + socket.inet_pton(socket.AF_INET6, FOREIGN6)
        + bytes(4)
    )


def unix(name):
    return struct.pack("=H", socket.AF_UNIX) + name


def ways(process, folder, port):
    """Each way out by its name in the records, with what it takes."""
    inet, inet_6, stream, datagram = socket.AF_INET, socket.AF_INET6, socket.SOCK_STREAM, socket.SOCK_DGRAM

    def with_socket(use, family, kind, protocol):
        opened = process.call("socket", family, kind, protocol)
        try:
            return use(opened)
        finally:
            process.call("close", opened)

    def send(opened, flags=0, address=b"", payload=PAYLOAD):
        return process.call("sendto", opened, payload, len(payload), flags, address or 0, len(address))

    def connection(family, address, kind=stream, protocol=0):
        def use(opened):
            process.call("connect", opened, address, len(address))
            return send(opened)

        return with_socket(use, family, kind, protocol)

    def packet(family, address, kind=datagram, protocol=0, payload=PAYLOAD):
        return with_socket(lambda opened: send(opened, 0, address, payload), family, kind, protocol)

    def fast_open():
        return with_socket(lambda opened: send(opened, MSG_FASTOPEN, inet4(port)), inet, stream, 0)

    def fast_open_by_option():
        def use(opened):
            process.call("setsockopt", opened, socket.IPPROTO_TCP, TCP_FASTOPEN_CONNECT, struct.pack("=i", 1), 4)
            process.call("connect", opened, inet4(port), 16)
            return send(opened)

        return with_socket(use, inet, stream, 0)

    def opening(family, kind):
        return with_socket(lambda opened: opened, family, kind, 0)

    def names():
        """As getaddrinfo(3) does: a question over a connected datagram socket."""
        return connection(inet, inet4(NAME_SERVER), datagram | NONBLOCK)

    def raw_packet():
        frame = bytes(12) + struct.pack(">H", 0x88B5) + PAYLOAD
        address = struct.pack("=HHiHBB8s", socket.AF_PACKET, socket.htons(0x88B5), 1, 0, 0, 6, bytes(8))
        return packet(socket.AF_PACKET, address, socket.SOCK_RAW, socket.htons(ETH_P_ALL), frame)

    echo = struct.pack(">BBHHH", 8, 0, 0, 1, 1) + PAYLOAD
    abstract = unix(b"\0" + str(port).encode())
    return {
        "tcp4": lambda: connection(inet, inet4(port)),
        "tcp6": lambda: connection(inet_6, inet6(port)),
        "udp4": lambda: packet(inet, inet4(NAME_SERVER)),
        "udp6": lambda: packet(inet_6, inet6(port)),
        "icmp": lambda: packet(inet, inet4(0), socket.SOCK_RAW, socket.IPPROTO_ICMP, echo),
        "names": names,
        "mptcp": lambda: connection(inet, inet4(port), stream, IPPROTO_MPTCP),
        "sctp": lambda: connection(inet, inet4(port), stream, IPPROTO_SCTP),
        "fastopen": fast_open,
        "fastopen by option": fast_open_by_option,
        "io_uring": lambda: process.call("io_uring_setup", 1, bytes(120)),
        "packet": raw_packet,
        "netlink": lambda: opening(socket.AF_NETLINK, socket.SOCK_RAW),
        "vsock": lambda: opening(AF_VSOCK, stream),
        "alg": lambda: opening(AF_ALG, socket.SOCK_SEQPACKET),
        "abstract": lambda: connection(socket.AF_UNIX, abstract),
        "unix": lambda: connection(socket.AF_UNIX, unix(os.fsencode(f"{folder}/socket") + b"\0")),
        "turned round": lambda: turn_round(process, port),
    }


def turn_round(process, port):
    """Every socket that the process has already is to call somebody else, of whatever network it is."""
    refusals = set()
    for descriptor in map(int, os.listdir(f"/proc/{process.pid}/fd")):
        if not os.readlink(f"/proc/{process.pid}/fd/{descriptor}").startswith("socket:"):
            continue
        for address in (struct.pack("=H", socket.AF_UNSPEC) + bytes(14), inet4(port)):
            try:
                return process.call("connect", descriptor, address, len(address))
            except OSError as error:
                refusals.add(error.errno)
    # What is told is the weakest of the refusals.
    others = refusals - {errno.EPERM}
    raise OSError(min(others or refusals or {errno.EBADF}), "connect")


def program(process):
    path = b"/bin/true\0"
    return process.call("execve", path, 0, 0)


def attempt(way):
    try:
        return f"open: {way()}"
    except Killed as killed:
        return f"killed by {killed}"
    except OSError as refusal:
        return errno.errorcode.get(refusal.errno, str(refusal.errno))


def main():
    pid, folder, port = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    process = Intruder(pid)
    answers = {name: attempt(way) for name, way in ways(process, folder, port).items()}
    if "--program" in sys.argv:
        answers["program"] = attempt(lambda: program(process))
    if not answers.get("program", "").startswith("killed"):
        process.leave()
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
