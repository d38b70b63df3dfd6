/* <mach/mach_vm.h>: memory of a task */
#ifndef _MACH_MACH_VM_H_
#define _MACH_MACH_VM_H_

#include <sys/cdefs.h>
#include <mach/vm_types.h>
#include <mach/vm_prot.h>
#include <mach/vm_inherit.h>
#include <mach/vm_behavior.h>
#include <mach/vm_region.h>
#include <mach/vm_statistics.h>
#include <mach/vm_attributes.h>
#include <mach/vm_purgable.h>

__BEGIN_DECLS

kern_return_t mach_vm_allocate(vm_map_t task, mach_vm_address_t *address, mach_vm_size_t size, int flags);
kern_return_t mach_vm_deallocate(vm_map_t task, mach_vm_address_t address, mach_vm_size_t size);
kern_return_t mach_vm_protect(vm_map_t task, mach_vm_address_t address, mach_vm_size_t size, boolean_t set_maximum,
			      vm_prot_t protection);
kern_return_t mach_vm_inherit(vm_map_t task, mach_vm_address_t address, mach_vm_size_t size, vm_inherit_t inheritance);
kern_return_t mach_vm_map(vm_map_t task, mach_vm_address_t *address, mach_vm_size_t size, mach_vm_offset_t mask, int flags,
			  mem_entry_name_port_t object, memory_object_offset_t offset, boolean_t copy,
			  vm_prot_t cur_protection, vm_prot_t max_protection, vm_inherit_t inheritance);
kern_return_t mach_vm_region(vm_map_t task, mach_vm_address_t *address, mach_vm_size_t *size, vm_region_flavor_t flavor,
			     vm_region_info_t info, mach_msg_type_number_t *count, mach_port_t *object_name);
kern_return_t mach_vm_region_recurse(vm_map_t task, mach_vm_address_t *address, mach_vm_size_t *size, natural_t *depth,
				     vm_region_recurse_info_t info, mach_msg_type_number_t *count);
kern_return_t mach_vm_page_query(vm_map_t task, mach_vm_offset_t address, integer_t *disposition, integer_t *ref_count);
kern_return_t mach_vm_page_range_query(vm_map_t task, mach_vm_offset_t address, mach_vm_size_t size,
				       mach_vm_address_t dispositions, mach_vm_size_t *count);
kern_return_t mach_vm_behavior_set(vm_map_t task, mach_vm_address_t address, mach_vm_size_t size, vm_behavior_t behavior);
kern_return_t mach_vm_msync(vm_map_t task, mach_vm_address_t address, mach_vm_size_t size, unsigned flags);
kern_return_t mach_vm_wire(host_priv_t host, vm_map_t task, mach_vm_address_t address, mach_vm_size_t size,
			   vm_prot_t protection);
kern_return_t mach_vm_purgable_control(vm_map_t task, mach_vm_offset_t address, vm_purgable_t control, int *state);
kern_return_t mach_vm_machine_attribute(vm_map_t task, mach_vm_address_t address, mach_vm_size_t size,
					vm_machine_attribute_t attribute, vm_machine_attribute_val_t *value);
kern_return_t mach_vm_page_info(vm_map_t task, mach_vm_address_t address, vm_page_info_flavor_t flavor,
				vm_page_info_t info, mach_msg_type_number_t *count);

__END_DECLS

#endif
