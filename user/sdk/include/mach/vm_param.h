/* <mach/vm_param.h>: the page's size by its older names */
#ifndef _MACH_VM_PARAM_H_
#define _MACH_VM_PARAM_H_

#include <sys/cdefs.h>
#include <mach/vm_page_size.h>

__BEGIN_DECLS

#define PAGE_SIZE vm_page_size
#define PAGE_MASK vm_page_mask
#define PAGE_SHIFT vm_page_shift
#define trunc_page(x) ((x) & ~PAGE_MASK)
#define round_page(x) (((x) + PAGE_MASK) & ~PAGE_MASK)

__END_DECLS

#endif
