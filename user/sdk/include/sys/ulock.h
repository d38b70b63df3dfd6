/* <sys/ulock.h>: waiting until a word changes; libpthread is built on it */
#ifndef _SYS_ULOCK_H_
#define _SYS_ULOCK_H_

#include <sys/cdefs.h>
#include <stdint.h>

__BEGIN_DECLS

#define UL_COMPARE_AND_WAIT 1 /* 32 bits, of this process */
#define UL_COMPARE_AND_WAIT_SHARED 3 /* in memory that processes share */
#define UL_COMPARE_AND_WAIT64 5
#define UL_COMPARE_AND_WAIT64_SHARED 6
#define ULF_WAKE_ALL 0x100
#define ULF_WAKE_THREAD 0x200
#define ULF_WAKE_ALLOW_NON_OWNER 0x400
#define ULF_WAIT_WORKQ_DATA_CONTENTION 0x10000
#define ULF_WAIT_CANCEL_POINT 0x20000
#define ULF_WAIT_ADAPTIVE_SPIN 0x40000
#define ULF_NO_ERRNO 0x1000000

/* The timeout is in microseconds; 0 is none. Answers how many others wait. */
int __ulock_wait(uint32_t operation, void *word, uint64_t value, uint32_t timeout);
int __ulock_wake(uint32_t operation, void *word, uint64_t wake_value);

__END_DECLS

#endif
