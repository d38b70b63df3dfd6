/* <stdlib.h>: memory, numbers, the environment, the end of a program */
#ifndef _STDLIB_H_
#define _STDLIB_H_

#include <sys/cdefs.h>
#include <sys/types.h>
#include <sys/wait.h>

__BEGIN_DECLS

#define EXIT_SUCCESS 0
#define EXIT_FAILURE 1
#define RAND_MAX 0x7fffffff
#define MB_CUR_MAX 1

void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *pointer, size_t size);
void *reallocf(void *pointer, size_t size);
void *valloc(size_t size);
void *aligned_alloc(size_t align, size_t size);
int posix_memalign(void **to, size_t align, size_t size);
void free(void *pointer);

int atoi(const char *text);
long atol(const char *text);
long long atoll(const char *text);
double atof(const char *text);
long strtol(const char *text, char **end, int base);
unsigned long strtoul(const char *text, char **end, int base);
long long strtoll(const char *text, char **end, int base);
unsigned long long strtoull(const char *text, char **end, int base);
double strtod(const char *text, char **end);
float strtof(const char *text, char **end);

int abs(int value);
long labs(long value);
long long llabs(long long value);

void qsort(void *base, size_t count, size_t width, int (*compare)(const void *, const void *));
void qsort_r(void *base, size_t count, size_t width, void *context, int (*compare)(void *, const void *, const void *));
void *bsearch(const void *key, const void *base, size_t count, size_t width, int (*compare)(const void *, const void *));

int rand(void);
int rand_r(unsigned *state);
void srand(unsigned seed);
long random(void);
void srandom(unsigned seed);
uint32_t arc4random(void);
void arc4random_buf(void *buffer, size_t size);
uint32_t arc4random_uniform(uint32_t bound);

char *getenv(const char *name);
int setenv(const char *name, const char *value, int overwrite);
int putenv(char *entry);
int unsetenv(const char *name);
const char *getprogname(void);
void setprogname(const char *path);

void abort(void) __dead2;
void exit(int status) __dead2;
void _Exit(int status) __dead2;
int atexit(void (*function)(void));
int system(const char *command);

__END_DECLS

#endif
