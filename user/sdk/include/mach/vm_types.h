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
typedef mach_port_t vm_map_read_t;
typedef mach_port_t vm_map_inspect_t;
typedef mach_port_t task_read_t;
typedef mach_port_t ipc_space_t;

/* The lists of mach_vm_read_list and vm_read_list. */
#define VM_MAP_ENTRY_MAX 256
typedef struct mach_vm_read_entry {
	mach_vm_address_t address;
	mach_vm_size_t size;
} mach_vm_read_entry_t[VM_MAP_ENTRY_MAX];
typedef struct vm_read_entry {
	vm_address_t address;
	vm_size_t size;
} vm_read_entry_t[VM_MAP_ENTRY_MAX];

/* mach_vm_range_create: a range of the map that is kept for some memory. */
typedef enum {
	MACH_VM_RANGE_FLAVOR_INVALID = 0,
	MACH_VM_RANGE_FLAVOR_V1 = 1,
} mach_vm_range_flavor_t;
typedef uint8_t *mach_vm_range_recipes_raw_t;
typedef struct mach_vm_range {
	mach_vm_offset_t min_address;
	mach_vm_offset_t max_address;
} *mach_vm_range_t;
typedef struct {
	uint64_t flags;
	uint64_t range_tag;
	uint8_t vm_tag;
	uint8_t reserved[7];
	struct mach_vm_range range;
} mach_vm_range_recipe_v1_t;

/* mach_vm_page_info */
typedef int *vm_page_info_t;
typedef int vm_page_info_flavor_t;

#define MACH_PORT_NULL 0
#define TASK_NULL 0

__END_DECLS

#endif
