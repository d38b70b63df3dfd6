/* <mach/vm_page_size.h>: the page's size */
#ifndef _MACH_VM_PAGE_SIZE_H_
#define _MACH_VM_PAGE_SIZE_H_

#include <sys/cdefs.h>
#include <mach/vm_types.h>

__BEGIN_DECLS

extern vm_size_t vm_page_size;
extern vm_size_t vm_page_mask;
extern int vm_page_shift;
extern vm_size_t vm_kernel_page_size;
extern vm_size_t vm_kernel_page_mask;
extern int vm_kernel_page_shift;

#define trunc_page_kernel(x) ((x) & ~vm_kernel_page_mask)
#define round_page_kernel(x) trunc_page_kernel((x) + vm_kernel_page_mask)

__END_DECLS

#endif
