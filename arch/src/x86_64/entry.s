# Every way into the kernel and out of it, the switch between threads, and copies to and from user
# memory. The frame's layout is TrapFrame's (frame.rs), the GS offsets are PerCpu's (percpu.rs).
#
# GS rule: in ring 0 GS is the CPU's record, in ring 3 the program's; swapgs is executed exactly
# once on each crossing, and never on an entry from ring 0. NMI, double fault, machine check and a
# debug trap in ring 0 cannot know which it is: they take the record from the top of their own stack
# and never return.
#
# AC rule: every entry clears AC (where the CPU has SMAP), so that only the copies below see user
# memory; iret puts it back for a copy that was interrupted.

.macro SMAP_SITE bytes
661:
    .byte 0x0f, 0x1f, 0x00              # a no-op of the same length, until patched
    .pushsection .patch_sites, "a", @progbits
    .long 661b - .
    .long \bytes
    .popsection
.endm
.macro CLAC
    SMAP_SITE 0xca010f
.endm
.macro STAC
    SMAP_SITE 0xcb010f
.endm

.macro PUSH_REGISTERS
    push rdi
    push rsi
    push rdx
    push rcx
    push rax
    push r8
    push r9
    push r10
    push r11
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
.endm

.text
# One stub of 16 bytes per vector; the CPU pushes an error code for some of them.
.balign 16
.global trap_stubs
trap_stubs:
.set vector, 0
.rept 256
    .balign 16
    .if (vector == 8) || (vector == 10) || (vector == 11) || (vector == 12) || (vector == 13) || (vector == 14) || (vector == 17) || (vector == 21) || (vector == 29) || (vector == 30)
    .else
    push 0
    .endif
    .byte 0x68                          # push imm32
    .long vector
    .if (vector == 1)
    jmp debug_entry
    .elseif (vector == 2) || (vector == 8) || (vector == 18)
    jmp fatal_entry
    .elseif (vector == 14)
    jmp page_fault_entry
    .elseif (vector < 32)
    jmp exception_entry
    .else
    jmp interrupt_entry
    .endif
    .set vector, vector + 1
.endr

# An entry that may come from either ring, and its handler. Page faults and interrupts have their
# own: what they share is written once and what they do not need is not run.
.macro ENTRY name, handler
.balign 16
\name\()_entry:
    test byte ptr [rsp + 24], 3         # CS: from ring 3?
    jz 1f
    swapgs
1:  CLAC
\name\()_on_thread_stack:
    PUSH_REGISTERS
    cld
    xor ebp, ebp
    mov rdi, rsp
    call \handler
    test byte ptr [rsp + {frame_cs}], 3
    jz leave
    swapgs
    jmp leave
.endm
    ENTRY exception, exception_enter
    ENTRY interrupt, interrupt_enter
    ENTRY page_fault, page_fault_enter

leave_to_user:
    swapgs
leave:
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    pop r11
    pop r10
    pop r9
    pop r8
    pop rax
    pop rcx
    pop rdx
    pop rsi
    pop rdi
    add rsp, 16
    iretq

# A debug trap comes on its own stack, because one in ring 0 may find the program's stack and GS.
# From ring 3 it moves to the thread's stack and goes on like any other.
debug_entry:
    test byte ptr [rsp + 24], 3
    jz fatal_entry
    swapgs
    CLAC
    push rax
    mov rax, rsp
    mov rsp, gs:[{kernel_stack}]
    push [rax + 56]
    push [rax + 48]
    push [rax + 40]
    push [rax + 32]
    push [rax + 24]
    push [rax + 16]
    push [rax + 8]
    mov rax, [rax]
    jmp exception_on_thread_stack

fatal_entry:
    CLAC
    PUSH_REGISTERS
    cld
    mov rax, rsp
    or rax, {ist_size} - 1
    mov rax, [rax - 15]                 # the record's address, 16 bytes below the stack's end
    mov rdx, rax
    shr rdx, 32
    mov ecx, {gs_base}
    wrmsr
    xor ebp, ebp
    mov rdi, rsp
    call trap_fatal
    ud2

.balign 16
.global syscall_entry
syscall_entry:
    swapgs
    mov gs:[{user_stack}], rsp
    mov rsp, gs:[{kernel_stack}]
    push {user_data}
    push qword ptr gs:[{user_stack}]
    push r11
    push {user_code}
    push rcx
    push 0
    push {syscall_mark}
    PUSH_REGISTERS
    xor ebp, ebp
    mov rdi, rsp
    sti
    call syscall_enter
    cli
    # The short way out: nothing asked, nothing but results changed, and an address that sysret
    # can take. Callee-saved registers still hold the program's values.
    cmp dword ptr gs:[{preempt}], 0
    jns 1f
    cmp dword ptr [rsp + {frame_vector}], {syscall_mark}
    jne 1f
    mov rcx, [rsp + {frame_rip}]
    mov rax, rcx
    shr rax, 47
    jnz 1f
    mov r11, [rsp + {frame_rflags}]
    mov rbp, [rsp + {frame_rbp}]
    mov r10, [rsp + {frame_r10}]
    mov r9, [rsp + {frame_r9}]
    mov r8, [rsp + {frame_r8}]
    mov rax, [rsp + {frame_rax}]
    mov rdx, [rsp + {frame_rdx}]
    mov rsi, [rsp + {frame_rsi}]
    mov rdi, [rsp + {frame_rdi}]
    mov rsp, [rsp + {frame_rsp}]
    swapgs
    sysretq
1:  mov rdi, rsp
    call user_exit
    jmp leave_to_user

# return_to_user_asm(frame)
.global return_to_user_asm
return_to_user_asm:
    cli
    mov rsp, rdi
    xor ebp, ebp
    call user_exit
    jmp leave_to_user

# context_switch(prev: *mut Context, next: *const Context)
.balign 16
.global context_switch
context_switch:
    push rbp
    push rbx
    push r12
    push r13
    push r14
    push r15
    mov [rdi], rsp
    mov rsp, [rsi]
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbx
    pop rbp
    ret

# Where a new thread's first switch returns to: r12 is its argument, r13 its function.
.global context_start
context_start:
    mov rdi, r12
    xor ebp, ebp
    call r13
    ud2

# user_copy(to: rdi, from: rsi, length: rdx) -> 0, or 1 after a fault that was not resolved.
# Words first: the emulator counts each iteration as an instruction.
.balign 16
.global user_copy
user_copy:
    STAC
.global user_copy_faulting
user_copy_faulting:
    mov rcx, rdx
    shr rcx, 3
    rep movsq
    mov ecx, edx
    and ecx, 7
    rep movsb
.global user_copy_faulting_end
user_copy_faulting_end:
    CLAC
    xor eax, eax
    ret

# user_copy_string(to: rdi, from: rsi, limit: rdx) -> bytes before the NUL (limit if there is
# none), or -1 after a fault that was not resolved.
.balign 16
.global user_copy_string
user_copy_string:
    xor eax, eax
    test rdx, rdx
    jz 3f
    STAC
.global user_string_faulting
user_string_faulting:
1:  mov cl, [rsi + rax]
    mov [rdi + rax], cl
    test cl, cl
    jz 2f
    inc rax
    cmp rax, rdx
    jb 1b
2:
.global user_string_faulting_end
user_string_faulting_end:
    CLAC
3:  ret

.global user_copy_failed
user_copy_failed:
    CLAC
    mov rax, -1
    ret
