/* <sys/mman.h>: memory by the page */
#ifndef _SYS_MMAN_H_
#define _SYS_MMAN_H_

#include <sys/cdefs.h>
#include <sys/types.h>

__BEGIN_DECLS

#define PROT_NONE 0
#define PROT_READ 1
#define PROT_WRITE 2
#define PROT_EXEC 4

#define MAP_SHARED 0x1
#define MAP_PRIVATE 0x2
#define MAP_FILE 0
#define MAP_FIXED 0x10
#define MAP_RENAME 0x20
#define MAP_NORESERVE 0x40
#define MAP_RESERVED0080 0x80
#define MAP_NOEXTEND 0x100
#define MAP_HASSEMAPHORE 0x200
#define MAP_NOCACHE 0x400
#define MAP_JIT 0x800
#define MAP_ANON 0x1000
#define MAP_ANONYMOUS MAP_ANON
#define MAP_RESILIENT_CODESIGN 0x2000
#define MAP_RESILIENT_MEDIA 0x4000
#define MAP_32BIT 0x8000
#define MAP_TRANSLATED_ALLOW_EXECUTE 0x20000
#define MAP_UNIX03 0x40000
#define MAP_TPRO 0x80000
#define MAP_FAILED ((void *)-1)

#define MS_ASYNC 0x1
#define MS_INVALIDATE 0x2
#define MS_KILLPAGES 0x4
#define MS_DEACTIVATE 0x8
#define MS_SYNC 0x10

#define MADV_NORMAL 0
#define MADV_RANDOM 1
#define MADV_SEQUENTIAL 2
#define MADV_WILLNEED 3
#define MADV_DONTNEED 4
#define MADV_FREE 5
#define MADV_ZERO_WIRED_PAGES 6
#define MADV_FREE_REUSABLE 7
#define MADV_FREE_REUSE 8
#define MADV_CAN_REUSE 9
#define MADV_PAGEOUT 10
#define MADV_ZERO 11
#define POSIX_MADV_NORMAL 0
#define POSIX_MADV_RANDOM 1
#define POSIX_MADV_SEQUENTIAL 2
#define POSIX_MADV_WILLNEED 3
#define POSIX_MADV_DONTNEED 4

#define MINCORE_INCORE 0x1
#define MINCORE_REFERENCED 0x2
#define MINCORE_MODIFIED 0x4
#define MINCORE_REFERENCED_OTHER 0x8
#define MINCORE_MODIFIED_OTHER 0x10
#define MINCORE_PAGED_OUT 0x20
#define MINCORE_COPIED 0x40
#define MINCORE_ANONYMOUS 0x80

#define MCL_CURRENT 1
#define MCL_FUTURE 2

#include <mach/vm_inherit.h>

void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset);
int munmap(void *address, size_t length);
int mprotect(void *address, size_t length, int protection);
int msync(void *address, size_t length, int flags);
int madvise(void *address, size_t length, int advice);
int posix_madvise(void *address, size_t length, int advice);
int mincore(const void *address, size_t length, char *vector);
int minherit(void *address, size_t length, int inheritance);
int mlock(const void *address, size_t length);
int munlock(const void *address, size_t length);
int shm_open(const char *name, int flags, ...);
int shm_unlink(const char *name);
int mlockall(int flags);
int mremap_encrypted(void *address, size_t length, unsigned int cryptid, unsigned int cputype, unsigned int cpusubtype);
int munlockall(void);

__END_DECLS

#endif
