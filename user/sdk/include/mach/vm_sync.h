/* <mach/vm_sync.h>: flags of vm_msync */
#ifndef _MACH_VM_SYNC_H_
#define _MACH_VM_SYNC_H_

#include <sys/cdefs.h>

__BEGIN_DECLS

typedef unsigned vm_sync_t;

#define VM_SYNC_ASYNCHRONOUS 0x01
#define VM_SYNC_SYNCHRONOUS 0x02
#define VM_SYNC_INVALIDATE 0x04
#define VM_SYNC_KILLPAGES 0x08
#define VM_SYNC_DEACTIVATE 0x10
#define VM_SYNC_CONTIGUOUS 0x20
#define VM_SYNC_REUSABLEPAGES 0x40

__END_DECLS

#endif
