#pragma once

/*
 * HTTP(S): GET, HEAD and PUT below a URL, on libcurl
 *
 * Any server that stores what is PUT will do: nginx and Apache with WebDAV (folders are made with
 * MKCOL where a PUT says that they are missing), a proxy, an object store. Basic or Bearer
 * authentication, or requests signed for S3. Redirections are not followed: credentials go where
 * they were meant to go.
 */

#include "cache/remote/link.h"

extern const LinkOps http_ops;
