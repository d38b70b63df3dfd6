/* <assert.h>: conditions that must hold; included again, it looks at NDEBUG again. */
#include <sys/cdefs.h>

#undef assert
#ifdef NDEBUG
#define assert(e) ((void)0)
#else
#define assert(e) (__builtin_expect(!(e), 0) ? __assert_rtn(__func__, __FILE__, __LINE__, #e) : (void)0)
#endif

#ifndef _ASSERT_H_
#define _ASSERT_H_
__BEGIN_DECLS
void __assert_rtn(const char *function, const char *file, int line, const char *what) __dead2;
__END_DECLS
#if !defined(__cplusplus)
#define static_assert _Static_assert
#endif
#endif
