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
#include <mach/vm_sync.h>
#include <mach/vm_attributes.h>
#include <mach/vm_purgable.h>
#include <mach/vm_reclaim.h>
#include <mach/memory_object_types.h>

__BEGIN_DECLS

kern_return_t mach_vm_allocate(vm_map_t task, mach_vm_address_t *address, mach_vm_size_t size, int flags);
kern_return_t mach_vm_deallocate(vm_map_t task, mach_vm_address_t address, mach_vm_size_t size);
kern_return_t mach_vm_protect(vm_map_t task, mach_vm_address_t address, mach_vm_size_t size, boolean_t set_maximum,
			      vm_prot_t protection);
kern_return_t mach_vm_inherit(vm_map_t task, mach_vm_address_t address, mach_vm_size_t size, vm_inherit_t inheritance);
kern_return_t mach_vm_read(vm_map_read_t task, mach_vm_address_t address, mach_vm_size_t size, vm_offset_t *data,
			   mach_msg_type_number_t *count);
kern_return_t mach_vm_read_list(vm_map_t task, mach_vm_read_entry_t list, natural_t count);
kern_return_t mach_vm_write(vm_map_t task, mach_vm_address_t address, vm_offset_t data, mach_msg_type_number_t count);
kern_return_t mach_vm_copy(vm_map_t task, mach_vm_address_t source, mach_vm_size_t size, mach_vm_address_t destination);
kern_return_t mach_vm_read_overwrite(vm_map_read_t task, mach_vm_address_t address, mach_vm_size_t size,
				     mach_vm_address_t data, mach_vm_size_t *out_size);
kern_return_t mach_vm_msync(vm_map_t task, mach_vm_address_t address, mach_vm_size_t size, vm_sync_t flags);
kern_return_t mach_vm_behavior_set(vm_map_t task, mach_vm_address_t address, mach_vm_size_t size, vm_behavior_t behavior);
kern_return_t mach_vm_map(vm_map_t task, mach_vm_address_t *address, mach_vm_size_t size, mach_vm_offset_t mask, int flags,
			  mem_entry_name_port_t object, memory_object_offset_t offset, boolean_t copy,
			  vm_prot_t cur_protection, vm_prot_t max_protection, vm_inherit_t inheritance);
kern_return_t mach_vm_machine_attribute(vm_map_t task, mach_vm_address_t address, mach_vm_size_t size,
					vm_machine_attribute_t attribute, vm_machine_attribute_val_t *value);
kern_return_t mach_vm_remap(vm_map_t task, mach_vm_address_t *address, mach_vm_size_t size, mach_vm_offset_t mask, int flags,
			    vm_map_t source_task, mach_vm_address_t source_address, boolean_t copy,
			    vm_prot_t *cur_protection, vm_prot_t *max_protection, vm_inherit_t inheritance);
kern_return_t mach_vm_remap_new(vm_map_t task, mach_vm_address_t *address, mach_vm_size_t size, mach_vm_offset_t mask,
				int flags, vm_map_read_t source_task, mach_vm_address_t source_address, boolean_t copy,
				vm_prot_t *cur_protection, vm_prot_t *max_protection, vm_inherit_t inheritance);
kern_return_t mach_vm_page_query(vm_map_read_t task, mach_vm_offset_t address, integer_t *disposition, integer_t *ref_count);
kern_return_t mach_vm_region_recurse(vm_map_read_t task, mach_vm_address_t *address, mach_vm_size_t *size, natural_t *depth,
				     vm_region_recurse_info_t info, mach_msg_type_number_t *count);
kern_return_t mach_vm_region(vm_map_read_t task, mach_vm_address_t *address, mach_vm_size_t *size, vm_region_flavor_t flavor,
			     vm_region_info_t info, mach_msg_type_number_t *count, mach_port_t *object_name);
kern_return_t _mach_make_memory_entry(vm_map_t task, memory_object_size_t *size, memory_object_offset_t offset,
				      vm_prot_t permission, mem_entry_name_port_t *handle, mem_entry_name_port_t parent);
kern_return_t mach_vm_purgable_control(vm_map_t task, mach_vm_address_t address, vm_purgable_t control, int *state);
kern_return_t mach_vm_page_info(vm_map_read_t task, mach_vm_address_t address, vm_page_info_flavor_t flavor,
				vm_page_info_t info, mach_msg_type_number_t *count);
kern_return_t mach_vm_page_range_query(vm_map_read_t task, mach_vm_offset_t address, mach_vm_size_t size,
				       mach_vm_address_t dispositions, mach_vm_size_t *count);
kern_return_t mach_vm_deferred_reclamation_buffer_allocate(task_t task, mach_vm_address_t *address,
							   uint64_t *sampling_period, uint32_t length, uint32_t max_length);
kern_return_t mach_vm_deferred_reclamation_buffer_flush(task_t task, uint32_t count, mach_vm_size_t *reclaimed);
kern_return_t mach_vm_deferred_reclamation_buffer_update_reclaimable_bytes(task_t task, mach_vm_size_t reclaimable);
kern_return_t mach_vm_deferred_reclamation_buffer_resize(task_t task, uint32_t length, mach_vm_size_t *reclaimed);
kern_return_t mach_vm_range_create(vm_map_t task, mach_vm_range_flavor_t flavor, mach_vm_range_recipes_raw_t recipes,
				   mach_msg_type_number_t count);
kern_return_t mach_vm_wire(host_priv_t host, vm_map_t task, mach_vm_address_t address, mach_vm_size_t size,
			   vm_prot_t protection);

__END_DECLS

#endif
