/* <mach/memory_entry.h>: what is done with a memory entry */
#ifndef _MACH_MEMORY_ENTRY_H_
#define _MACH_MEMORY_ENTRY_H_

#include <sys/cdefs.h>
#include <mach/vm_types.h>
#include <mach/vm_purgable.h>
#include <mach/memory_object_types.h>

__BEGIN_DECLS

kern_return_t mach_memory_entry_purgable_control(mem_entry_name_port_t entry, vm_purgable_t control, int *state);
kern_return_t mach_memory_entry_access_tracking(mem_entry_name_port_t entry, int *access_tracking, uint32_t *reads,
						uint32_t *writes);
kern_return_t mach_memory_entry_ownership(mem_entry_name_port_t entry, task_t owner, int ledger_tag, int ledger_flags);
kern_return_t mach_memory_entry_map_size(mem_entry_name_port_t entry, vm_map_t map, memory_object_offset_t offset,
					 memory_object_offset_t size, mach_vm_size_t *map_size);

__END_DECLS

#endif
