/* <mach/vm_types.h>: Mach's sizes and addresses */
#ifndef _MACH_VM_TYPES_H_
#define _MACH_VM_TYPES_H_

#include <sys/cdefs.h>
#include <stdint.h>
#include <mach/boolean.h>
#include <mach/kern_return.h>

__BEGIN_DECLS

typedef unsigned int natural_t;
typedef int integer_t;
typedef uintptr_t vm_offset_t;
typedef uintptr_t vm_address_t;
typedef uintptr_t vm_size_t;
typedef uint64_t mach_vm_address_t;
typedef uint64_t mach_vm_offset_t;
typedef uint64_t mach_vm_size_t;
typedef uint64_t memory_object_size_t;
typedef uint64_t memory_object_offset_t;
typedef int vm_prot_t;
typedef unsigned int vm_inherit_t;
typedef int vm_behavior_t;
typedef int vm_region_flavor_t;
typedef natural_t mach_port_t;
typedef mach_port_t mach_port_name_t;
typedef natural_t mach_msg_type_number_t;
typedef mach_port_t task_t;
typedef mach_port_t task_name_t;
typedef mach_port_t vm_map_t;
typedef mach_port_t host_t;
typedef mach_port_t host_priv_t;
typedef mach_port_t thread_t;
typedef mach_port_t mem_entry_name_port_t;
typedef mach_port_t ipc_space_t;
#define MACH_PORT_NULL 0
#define TASK_NULL 0

__END_DECLS

#endif
