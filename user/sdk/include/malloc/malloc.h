/* <malloc/malloc.h>: sizes of malloc's blocks */
#ifndef _MALLOC_MALLOC_H_
#define _MALLOC_MALLOC_H_

#include <sys/cdefs.h>
#include <sys/types.h>
#include <mach/vm_types.h>

__BEGIN_DECLS

size_t malloc_size(const void *pointer);
size_t malloc_good_size(size_t size);

__END_DECLS

#endif
