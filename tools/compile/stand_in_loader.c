/*
 * The first code of the stand-in (stand_in.ts): runs where the dynamic linker
 * hands over to the program, and starts Deno as if it had been called with
 *
 *     <argv[0]> <the built-in arguments> <argv[1]> ...
 *
 * The kernel's own copy of the command line, /proc/self/cmdline, stays as it
 * is. Nothing of a C library is here yet.
 *
 * The builder gives it the file "built_in", whose strings end in a NUL each,
 * and the symbol deno_start: where Deno's code began before.
 */

__asm__(
    ".section .text.first, \"ax\"\n"
    ".global _start\n"
    "_start:\n"
#if defined __x86_64__
    "  mov %rsp, %rdi\n"
    "  mov %rdx, %rsi\n"
    "  and $-16, %rsp\n"
    "  call start_deno\n"
#elif defined __aarch64__
    "  mov x1, x0\n"
    "  mov x0, sp\n"
    "  bl start_deno\n"
#endif
    ".hidden built_in\n"
    ".hidden built_in_end\n"
    "built_in:\n"
    "  .incbin \"built_in\"\n"
    "built_in_end:\n"
    "  .balign 16\n");

#define HIDDEN __attribute__((visibility("hidden")))
#define STACK_ALIGNMENT 16

extern HIDDEN const char built_in[], built_in_end[];
extern HIDDEN void deno_start(void);

/* given: argc, argv, NULL, environment, NULL, auxiliary vector (getauxval(3)),
 * as the kernel puts them on the stack. at_exit: what the dynamic linker wants
 * to be called at the end, in the register where Deno expects it. */
void start_deno(const char **given, void (*at_exit)(void))
{
    long argc = (long)given[0];
    const char **end = given + 1 + argc + 1;
    while (*end++)
        ;
    while (*end)
        end += 2;
    end += 2;

    long added = 0;
    for (const char *at = built_in; at < built_in_end; at++)
        added += *at == '\0';

    const char **made = __builtin_alloca_with_align(
        (end - given + added) * sizeof *made, 8 * STACK_ALIGNMENT);
    const char **to = made;
    *to++ = (const char *)(argc + added);
    *to++ = given[1];
    for (const char *at = built_in; at < built_in_end; at++)
        if (at == built_in || at[-1] == '\0')
            *to++ = at;
    for (const char **from = given + 2; from < end; from++)
        *to++ = *from;

#if defined __x86_64__
    __asm__ volatile("mov %0, %%rsp\n jmp *%1"
                     : : "r"(made), "r"(deno_start), "d"(at_exit) : "memory");
#elif defined __aarch64__
    register void (*first)(void) __asm__("x0") = at_exit;
    __asm__ volatile("mov sp, %0\n br %1"
                     : : "r"(made), "r"(deno_start), "r"(first) : "memory");
#endif
    __builtin_unreachable();
}
