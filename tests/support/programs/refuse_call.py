# Executes a program whose calls of one system call fail with EPERM: seccomp(2).
# Usage: refuse_call.py memfd_create|prlimit64 COMMAND [ARGUMENT...]
import ctypes
import os
import platform
import struct
import sys

PR_SET_NO_NEW_PRIVS = 38
PR_SET_SECCOMP = 22
SECCOMP_MODE_FILTER = 2
SECCOMP_RET_ALLOW = 0x7FFF0000
SECCOMP_RET_EPERM = 0x00050000 | 1
BPF_LD_W_ABS = 0x20
BPF_JMP_JEQ_K = 0x15
BPF_RET_K = 0x06
CALLS = {
    "x86_64": {"memfd_create": 319, "prlimit64": 302},
    "aarch64": {"memfd_create": 279, "prlimit64": 261},
}
REFUSED = CALLS[platform.machine()][sys.argv[1]]

program = b"".join(
    struct.pack("HBBI", *instruction)
    for instruction in (
        (BPF_LD_W_ABS, 0, 0, 0),  # the number of the system call
        (BPF_JMP_JEQ_K, 0, 1, REFUSED),
        (BPF_RET_K, 0, 0, SECCOMP_RET_EPERM),
        (BPF_RET_K, 0, 0, SECCOMP_RET_ALLOW),
    )
)
memory = ctypes.create_string_buffer(program)
# struct sock_fprog: a count, six bytes of padding, and an address.
filter_ = struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(memory))
libc = ctypes.CDLL(None, use_errno=True)
for arguments in (
    (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
    (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.c_char_p(filter_), 0, 0),
):
    if libc.prctl(*arguments) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
os.execvp(sys.argv[2], sys.argv[2:])
