/* <stdio.h>: streams */
#ifndef _STDIO_H_
#define _STDIO_H_

#include <sys/cdefs.h>
#include <sys/types.h>
#include <stdarg.h>

__BEGIN_DECLS

typedef struct __sFILE FILE;
extern FILE *const __stdinp;
extern FILE *const __stdoutp;
extern FILE *const __stderrp;
#define stdin __stdinp
#define stdout __stdoutp
#define stderr __stderrp

#define EOF (-1)
#define BUFSIZ 8192
#define FILENAME_MAX 1024
#define _IOFBF 0
#define _IOLBF 1
#define _IONBF 2
#ifndef SEEK_SET
#define SEEK_SET 0
#define SEEK_CUR 1
#define SEEK_END 2
#endif

FILE *fopen(const char *path, const char *mode);
FILE *fdopen(int fd, const char *mode);
FILE *freopen(const char *path, const char *mode, FILE *stream);
int fclose(FILE *stream);
void flockfile(FILE *stream);
int ftrylockfile(FILE *stream);
void funlockfile(FILE *stream);
int fflush(FILE *stream);
int fileno(FILE *stream);
int feof(FILE *stream);
int ferror(FILE *stream);
void clearerr(FILE *stream);
int fseek(FILE *stream, long offset, int whence);
long ftell(FILE *stream);
void rewind(FILE *stream);
int setvbuf(FILE *stream, char *buffer, int mode, size_t size);
void setbuf(FILE *stream, char *buffer);
int setlinebuf(FILE *stream);
int remove(const char *path);
int rename(const char *path, const char *new_path);

size_t fread(void *to, size_t size, size_t count, FILE *stream);
size_t fwrite(const void *from, size_t size, size_t count, FILE *stream);
int fgetc(FILE *stream);
int getc(FILE *stream);
int getchar(void);
int ungetc(int c, FILE *stream);
char *fgets(char *to, int size, FILE *stream);
ssize_t getline(char **line, size_t *room, FILE *stream);
ssize_t getdelim(char **line, size_t *room, int delimiter, FILE *stream);
int fputc(int c, FILE *stream);
int putc(int c, FILE *stream);
int putchar(int c);
int fputs(const char *text, FILE *stream);
int puts(const char *text);
void perror(const char *prefix);

int printf(const char *format, ...) __printflike(1, 2);
int fprintf(FILE *stream, const char *format, ...) __printflike(2, 3);
int dprintf(int fd, const char *format, ...) __printflike(2, 3);
int sprintf(char *to, const char *format, ...) __printflike(2, 3);
int snprintf(char *to, size_t size, const char *format, ...) __printflike(3, 4);
int asprintf(char **to, const char *format, ...) __printflike(2, 3);
int vprintf(const char *format, va_list args) __printflike(1, 0);
int vfprintf(FILE *stream, const char *format, va_list args) __printflike(2, 0);
int vdprintf(int fd, const char *format, va_list args) __printflike(2, 0);
int vsprintf(char *to, const char *format, va_list args) __printflike(2, 0);
int vsnprintf(char *to, size_t size, const char *format, va_list args) __printflike(3, 0);
int vasprintf(char **to, const char *format, va_list args) __printflike(2, 0);
int scanf(const char *format, ...) __scanflike(1, 2);
int fscanf(FILE *stream, const char *format, ...) __scanflike(2, 3);
int sscanf(const char *text, const char *format, ...) __scanflike(2, 3);
int vscanf(const char *format, va_list args) __scanflike(1, 0);
int vfscanf(FILE *stream, const char *format, va_list args) __scanflike(2, 0);
int vsscanf(const char *text, const char *format, va_list args) __scanflike(2, 0);

__END_DECLS

#endif
