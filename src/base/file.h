/* All of some bytes to or from a descriptor, however the system divides them. */
#ifndef WEIR_BASE_FILE_H
#define WEIR_BASE_FILE_H
#include <stddef.h>
#include <stdint.h>

/* Each: 0, or errno. A write that takes nothing and says nothing is ENOSPC, a file that ends too early EIO. */
int weir_write_all(int fd, const void *bytes, size_t length);
int weir_pwrite_all(int fd, const void *bytes, size_t length, int64_t at);
int weir_pread_all(int fd, void *bytes, size_t length, int64_t at);
#endif
