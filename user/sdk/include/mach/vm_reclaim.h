/* <mach/vm_reclaim.h>: memory that is freed lazily: refused here */
#ifndef _MACH_VM_RECLAIM_H_
#define _MACH_VM_RECLAIM_H_

#include <sys/cdefs.h>

__BEGIN_DECLS

typedef int mach_vm_reclaim_error_t;

/* An error of the memory subsystem (8), part 1. */
#define VM_RECLAIM_ERROR(e) (8 << 26 | 1 << 14 | (e))
#define VM_RECLAIM_SUCCESS 0
#define VM_RECLAIM_INVALID_ARGUMENT VM_RECLAIM_ERROR(1)
#define VM_RECLAIM_NOT_SUPPORTED VM_RECLAIM_ERROR(2)
#define VM_RECLAIM_INVALID_REGION_SIZE VM_RECLAIM_ERROR(3)
#define VM_RECLAIM_INVALID_CAPACITY VM_RECLAIM_ERROR(4)
#define VM_RECLAIM_INVALID_ID VM_RECLAIM_ERROR(5)
#define VM_RECLAIM_RESOURCE_SHORTAGE VM_RECLAIM_ERROR(6)

__END_DECLS

#endif
