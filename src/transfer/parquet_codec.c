/* Parquet's pages compressed. zstd works in memory of the ledger; what snappy takes for a moment (up to 64 KiB or so) is its own.
 * snappy is loaded when a file wants it: linked, it would bring the C++ library into every program of weir's, 1.3 MB of each stream. */
#define ZSTD_STATIC_LINKING_ONLY        /* for contexts in memory that the caller gives */
#include "transfer/parquet.h"
#include <dlfcn.h>
#include <zstd.h>

/* Of zstd: texts become a tenth smaller than by level 1; numbers, which the encodings have packed, do not. */
enum { LEVEL_OF_NUMBERS = 1, LEVEL_OF_TEXTS = 3 };

const char *weir_parquet_zstd_version(void) { return ZSTD_versionString(); }

static int open_zstd(weir_parquet *parquet)
{
    weir_sheet *sheet = parquet->sheet;
    size_t size = ZSTD_estimateCCtxSize(LEVEL_OF_TEXTS);
    parquet->zstd_memory = weir_alloc(sheet->ledger, WEIR_MEMORY_OUTPUT, size);
    if (!parquet->zstd_memory)
        return weir_error_out_of_memory(sheet->error);
    parquet->zstd = ZSTD_initStaticCCtx(parquet->zstd_memory, size);
    if (!parquet->zstd)
        return weir_error_set(sheet->error, WEIR_NOT_SUPPORTED, "this libzstd (%s) gives no compression context", ZSTD_versionString());
    return WEIR_OK;
}

/* Functions of snappy-c.h, which has not changed since 2011. Through a union, since ISO C has no way from void * to a function. */
static int open_snappy(weir_parquet *parquet)
{
    union { void *address; weir_snappy_compress call; } compress;
    union { void *address; weir_snappy_bound call; } bound;
    parquet->snappy = dlopen("libsnappy.so.1", RTLD_NOW | RTLD_LOCAL);
    compress.address = parquet->snappy ? dlsym(parquet->snappy, "snappy_compress") : NULL;
    bound.address = parquet->snappy ? dlsym(parquet->snappy, "snappy_max_compressed_length") : NULL;
    if (!compress.address || !bound.address)
        return weir_error_set(parquet->sheet->error, WEIR_NOT_SUPPORTED, "snappy is not here: install libsnappy1v5, or take zstd or none");
    parquet->snappy_compress = compress.call;
    parquet->snappy_bound = bound.call;
    return WEIR_OK;
}

int weir_parquet_codec_open(weir_parquet *parquet)
{
    if (parquet->codec == WEIR_CODEC_ZSTD && !parquet->zstd)
        return open_zstd(parquet);
    return parquet->codec == WEIR_CODEC_SNAPPY && !parquet->snappy ? open_snappy(parquet) : WEIR_OK;
}

void weir_parquet_codec_begin(weir_parquet *parquet)
{
    if (parquet->zstd)
        parquet->zstd = ZSTD_initStaticCCtx(parquet->zstd_memory, ZSTD_estimateCCtxSize(LEVEL_OF_TEXTS));
}

void weir_parquet_codec_close(weir_parquet *parquet)
{
    weir_free(parquet->zstd_memory);
    if (parquet->snappy)
        dlclose(parquet->snappy);
}

static int compress_zstd(weir_parquet *parquet, const weir_buffer *raw, bool texts)
{
    weir_buffer *packed = &parquet->packed;
    size_t most = ZSTD_compressBound(raw->length);
    if (!weir_buffer_reserve(packed, most))
        return weir_error_out_of_memory(parquet->sheet->error);
    size_t n = ZSTD_compressCCtx(parquet->zstd, packed->data, most, raw->data, raw->length,
                                 texts ? LEVEL_OF_TEXTS : LEVEL_OF_NUMBERS);
    if (ZSTD_isError(n))
        return weir_error_set(parquet->sheet->error, WEIR_IO, "zstd cannot compress a page: %s", ZSTD_getErrorName(n));
    packed->length = n;
    return WEIR_OK;
}

static int compress_snappy(weir_parquet *parquet, const weir_buffer *raw)
{
    weir_buffer *packed = &parquet->packed;
    size_t n = parquet->snappy_bound(raw->length);
    if (!weir_buffer_reserve(packed, n))
        return weir_error_out_of_memory(parquet->sheet->error);
    if (parquet->snappy_compress(raw->data, raw->length, packed->data, &n) != 0)
        return weir_error_set(parquet->sheet->error, WEIR_IO, "snappy cannot compress a page");
    packed->length = n;
    return WEIR_OK;
}

int weir_parquet_compress(weir_parquet *parquet, const weir_buffer *raw, bool texts, const weir_buffer **out)
{
    parquet->packed.length = 0;
    *out = parquet->codec == WEIR_CODEC_NONE ? raw : &parquet->packed;
    return parquet->codec == WEIR_CODEC_NONE ? WEIR_OK
         : parquet->codec == WEIR_CODEC_ZSTD ? compress_zstd(parquet, raw, texts) : compress_snappy(parquet, raw);
}
