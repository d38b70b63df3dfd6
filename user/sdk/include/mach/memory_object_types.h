/* <mach/memory_object_types.h>: memory entries: permissions, modes, cache attributes */
#ifndef _MACH_MEMORY_OBJECT_TYPES_H_
#define _MACH_MEMORY_OBJECT_TYPES_H_

#include <sys/cdefs.h>
#include <mach/vm_types.h>

__BEGIN_DECLS

typedef natural_t memory_object_cluster_size_t;
typedef mach_port_t memory_object_t;
typedef mach_port_t memory_object_name_t;

/* The permission word of a memory entry: protection in the low byte, cache mode in the high one. */
#define MAP_MEM_NOOP 0
#define MAP_MEM_COPYBACK 1
#define MAP_MEM_IO 2
#define MAP_MEM_WTHRU 3
#define MAP_MEM_WCOMB 4
#define MAP_MEM_INNERWBACK 5
#define MAP_MEM_POSTED 6
#define MAP_MEM_RT 7
#define MAP_MEM_POSTED_REORDERED 8
#define MAP_MEM_POSTED_COMBINED_REORDERED 9
#define GET_MAP_MEM(flags) ((((unsigned)(flags)) >> 24) & 0xff)
#define SET_MAP_MEM(caching, flags) ((flags) = ((((unsigned)(caching)) << 24) & 0xff000000) | ((flags) & 0xffffff))

#define MAP_MEM_LEDGER_TAGGED 0x002000
#define MAP_MEM_PURGABLE_KERNEL_ONLY 0x004000
#define MAP_MEM_GRAB_SECLUDED 0x008000
#define MAP_MEM_ONLY 0x010000
#define MAP_MEM_NAMED_CREATE 0x020000
#define MAP_MEM_PURGABLE 0x040000
#define MAP_MEM_NAMED_REUSE 0x080000
#define MAP_MEM_USE_DATA_ADDR 0x100000
#define MAP_MEM_VM_COPY 0x200000
#define MAP_MEM_VM_SHARE 0x400000
#define MAP_MEM_4K_DATA_ADDR 0x800000

#define VM_LEDGER_TAG_UNCHANGED (-1)
#define VM_LEDGER_TAG_NONE 0
#define VM_LEDGER_TAG_DEFAULT 1
#define VM_LEDGER_TAG_NETWORK 2
#define VM_LEDGER_TAG_MEDIA 3
#define VM_LEDGER_TAG_GRAPHICS 4
#define VM_LEDGER_TAG_NEURAL 5
#define VM_LEDGER_FLAG_NO_FOOTPRINT 1
#define VM_LEDGER_FLAG_NO_FOOTPRINT_FOR_DEBUG 2

__END_DECLS

#endif
