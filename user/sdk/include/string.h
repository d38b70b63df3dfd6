/* <string.h>: strings and memory */
#ifndef _STRING_H_
#define _STRING_H_

#include <sys/cdefs.h>
#include <sys/types.h>
#include <strings.h>

__BEGIN_DECLS

void *memcpy(void *to, const void *from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int c, size_t size);
int memcmp(const void *a, const void *b, size_t size);
void *memchr(const void *memory, int c, size_t size);
void *memrchr(const void *memory, int c, size_t size);
void *memccpy(void *to, const void *from, int c, size_t size);
void *memmem(const void *memory, size_t size, const void *wanted, size_t length);
void memset_pattern4(void *to, const void *pattern, size_t size);
void memset_pattern8(void *to, const void *pattern, size_t size);
void memset_pattern16(void *to, const void *pattern, size_t size);
size_t strlen(const char *text);
size_t strnlen(const char *text, size_t limit);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t limit);
int strcoll(const char *a, const char *b);
char *strcpy(char *to, const char *from);
char *stpcpy(char *to, const char *from);
char *strncpy(char *to, const char *from, size_t size);
char *strcat(char *to, const char *from);
char *strncat(char *to, const char *from, size_t limit);
size_t strlcpy(char *to, const char *from, size_t size);
size_t strlcat(char *to, const char *from, size_t size);
char *strchr(const char *text, int c);
char *strrchr(const char *text, int c);
char *strstr(const char *text, const char *wanted);
char *strpbrk(const char *text, const char *set);
size_t strspn(const char *text, const char *set);
size_t strcspn(const char *text, const char *set);
char *strsep(char **at, const char *set);
char *strtok(char *text, const char *set);
char *strtok_r(char *text, const char *set, char **state);
char *strdup(const char *text);
char *strndup(const char *text, size_t limit);
char *strerror(int number);
int strerror_r(int number, char *buffer, size_t size);
char *strsignal(int signal);

__END_DECLS

#endif
