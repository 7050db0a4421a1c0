#include "cache/remote/blob.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

int source_read(Source *source, void *ret, size_t n, size_t *ret_n) {
        uint64_t left = source->size - source->at;
        ssize_t got;

        if (n > left)
                n = (size_t) left;
        if (n == 0) {
                *ret_n = 0;
                return 0;
        }
        if (source->fd < 0) {
                memcpy(ret, source->data.data + source->at, n);
                got = (ssize_t) n;
        } else {
                do
                        got = pread(source->fd, ret, n, (off_t) source->at);
                while (got < 0 && errno == EINTR);
        }
        if (got <= 0)
                return got < 0 ? error_from_errno() : -EIO;
        source->at += (uint64_t) got;
        *ret_n = (size_t) got;
        return 0;
}

int sink_write(Sink *sink, const void *data, size_t n) {
        int r;

        if (n > sink->max - sink->n)
                return -EFBIG;
        r = sink->fd < 0 ? bytes_append(&sink->bytes, data, n) : file_write_all(sink->fd, data, n);
        if (r == 0)
                sink->n += n;
        return r;
}
