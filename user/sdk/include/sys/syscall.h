/*
 * sys/syscall.h -- the numbers of the BSD system calls.
 */
#ifndef _SYS_SYSCALL_H_
#define _SYS_SYSCALL_H_

#define SYS_exit                   1
#define SYS_fork                   2
#define SYS_read                   3
#define SYS_write                  4
#define SYS_open                   5
#define SYS_close                  6
#define SYS_wait4                  7
#define SYS_link                   9
#define SYS_unlink                 10
#define SYS_chdir                  12
#define SYS_fchdir                 13
#define SYS_chmod                  15
#define SYS_getpid                 20
#define SYS_setuid                 23
#define SYS_getuid                 24
#define SYS_geteuid                25
#define SYS_access                 33
#define SYS_kill                   37
#define SYS_getppid                39
#define SYS_dup                    41
#define SYS_pipe                   42
#define SYS_getegid                43
#define SYS_sigaction              46
#define SYS_getgid                 47
#define SYS_sigprocmask            48
#define SYS_sigaltstack            53
#define SYS_ioctl                  54
#define SYS_readlink               58
#define SYS_execve                 59
#define SYS_umask                  60
#define SYS_msync                  65
#define SYS_munmap                 73
#define SYS_mprotect               74
#define SYS_madvise                75
#define SYS_mincore                78
#define SYS_getpgrp                81
#define SYS_setpgid                82
#define SYS_dup2                   90
#define SYS_fcntl                  92
#define SYS_fsync                  95
#define SYS_sigsuspend             111
#define SYS_gettimeofday           116
#define SYS_getrusage              117
#define SYS_readv                  120
#define SYS_writev                 121
#define SYS_rename                 128
#define SYS_mkdir                  136
#define SYS_rmdir                  137
#define SYS_setsid                 147
#define SYS_pread                  153
#define SYS_pwrite                 154
#define SYS_sigreturn              184
#define SYS_getrlimit              194
#define SYS_setrlimit              195
#define SYS_mmap                   197
#define SYS_lseek                  199
#define SYS_truncate               200
#define SYS_ftruncate              201
#define SYS_sysctl                 202
#define SYS_mlock                  203
#define SYS_munlock                204
#define SYS_posix_spawn            244
#define SYS_minherit               250
#define SYS_shm_open               266
#define SYS_shm_unlink             267
#define SYS_sysctlbyname           274
#define SYS_mlockall               324
#define SYS_munlockall             325
#define SYS_issetugid              327
#define SYS___semwait_signal       334
#define SYS_proc_info              336
#define SYS_stat64                 338
#define SYS_fstat64                339
#define SYS_lstat64                340
#define SYS_getdirentries64        344
#define SYS_thread_selfid          372
#define SYS_mremap_encrypted       489
#define SYS_getentropy             500

#endif
