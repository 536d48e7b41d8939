/* Bytes to and from a descriptor, however the system divides them: what a signal interrupts goes on, and where a descriptor would block it is
 * waited for. The only calls of read(2), write(2) and their kin on files. */
#ifndef WEIR_BASE_FILE_H
#define WEIR_BASE_FILE_H
#include <stddef.h>
#include <stdint.h>

/* All of them: 0, or errno. A write that takes nothing and says nothing is ENOSPC, a file that ends too early EIO. */
int weir_write_all(int fd, const void *bytes, size_t length);
int weir_pwrite_all(int fd, const void *bytes, size_t length, int64_t at);
int weir_pread_all(int fd, void *bytes, size_t length, int64_t at);
/* The same where it matters how far it came: *done bytes, also with an error. */
int weir_write_some(int fd, const void *bytes, size_t length, size_t *done);
/* As many as there are, `length` or less: fewer are the file's end. */
int weir_pread_some(int fd, void *bytes, size_t length, int64_t at, size_t *done);
/* What one read gives; *done 0: the end. */
int weir_read_once(int fd, void *bytes, size_t length, size_t *done);
#endif
