"""A double of servers that a remote cache may turn out to be: `double-server.py PORT BEHAVIOUR`.

HTTP, below a directory that a file:// tier has filled:
  good DIR           answers as it should, and takes PUT
  truncate DIR       objects come as their first half, and say so
  break DIR          the connection ends in the middle of an object
  flip DIR           one bit of each object is wrong
  flip-records DIR   one bit of each record is wrong
  swap DIR           every object is as long as it should be, and something else
  loris DIR          a byte of a body now and then
  hold DIR FILE      objects come when there is such a file
  read-only DIR      answers as it should, and refuses PUT
Others:
  status N           answers N, whatever is asked
  silent             reads and never answers
  endless            a body without an end
  redirect URL       sends everybody elsewhere
  s3 DIR REGION ACCESS-KEY SECRET    refuses what is not signed right (Signature Version 4,
                     header form), the payload included
  redis-array, redis-bulk            replies of a length that nobody should allocate
  redis-unknown                      knows no command, and repeats what it was told

Needs no module but those of python3-minimal.
"""

import hashlib
import os
import socket
import sys
import threading


def hmac_sha256(key, data):
    key = hashlib.sha256(key).digest() if len(key) > 64 else key
    key = key.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(b ^ 0x36 for b in key) + data).digest()
    return hashlib.sha256(bytes(b ^ 0x5C for b in key) + inner).digest()


class Request:
    def __init__(self, stream):
        line = stream.readline(65536).decode().split()
        if len(line) != 3:
            raise EOFError
        self.method, self.path, _ = line
        self.headers = {}
        while True:
            line = stream.readline(65536).decode().strip()
            if not line:
                break
            name, _, value = line.partition(":")
            self.headers[name.strip().lower()] = value.strip()
        self.body = stream.read(int(self.headers.get("content-length", "0")))


def reply(sock, status, body=b"", length=None, head=False):
    length = len(body) if length is None else length
    sock.sendall(
        b"HTTP/1.1 %d Double\r\nContent-Length: %d\r\n\r\n" % (status, length)
        + (b"" if head else body)
    )


def read_file(directory, path):
    try:
        with open(os.path.join(directory, path.lstrip("/")), "rb") as f:
            return f.read()
    except OSError:
        return None


def write_file(directory, path, body):
    name = os.path.join(directory, path.lstrip("/"))
    os.makedirs(os.path.dirname(name), exist_ok=True)
    with open(name + ".tmp", "wb") as f:
        f.write(body)
    os.replace(name + ".tmp", name)


def flip(body):
    return body[:-1] + bytes([body[-1] ^ 1]) if body else body


def trickle(sock, body):
    sock.sendall(b"HTTP/1.1 200 Double\r\nContent-Length: %d\r\n\r\n" % len(body))
    for i in range(len(body)):
        sock.sendall(body[i : i + 1])
        threading.Event().wait(0.2)


def wait_for_file(path):
    while not os.path.exists(path):
        threading.Event().wait(0.05)


def serve_file(sock, request, behaviour, directory):
    is_object = "/objects/" in request.path
    if request.method == "PUT" and behaviour == "read-only":
        reply(sock, 403, b"not you")
        return
    if request.method == "PUT":
        write_file(directory, request.path, request.body)
        reply(sock, 201)
        return
    body = read_file(directory, request.path)
    if body is None:
        reply(sock, 404, b"not here")
    elif request.method == "HEAD":
        reply(sock, 200, body, head=True)
    elif behaviour == "loris":
        trickle(sock, body)
    elif behaviour == "truncate" and is_object:
        reply(sock, 200, body[: len(body) // 2])
    elif behaviour == "break" and is_object:
        reply(sock, 200, body[: len(body) // 2], length=len(body))
        raise EOFError
    elif behaviour == "flip" and is_object:
        reply(sock, 200, flip(body))
    elif behaviour == "flip-records" and not is_object:
        reply(sock, 200, flip(body))
    elif behaviour == "swap" and is_object:
        reply(sock, 200, b"x" * len(body))
    else:
        reply(sock, 200, body)


def endless(sock):
    sock.sendall(b"HTTP/1.1 200 Double\r\n\r\n")
    while True:
        sock.sendall(b"x" * 65536)


# Amazon S3 API Reference, "Authenticating Requests: Using the Authorization Header"
def s3_signature(request, region, secret, signed, date):
    canonical = "\n".join(
        [request.method, request.path, ""]
        + [name + ":" + request.headers.get(name, "") for name in signed]
        + ["", ";".join(signed), request.headers.get("x-amz-content-sha256", "")]
    )
    scope = "/".join([date[:8], region, "s3", "aws4_request"])
    text = "\n".join(
        ["AWS4-HMAC-SHA256", date, scope, hashlib.sha256(canonical.encode()).hexdigest()]
    )
    key = ("AWS4" + secret).encode()
    for part in scope.split("/"):
        key = hmac_sha256(key, part.encode())
    return scope, hmac_sha256(key, text.encode()).hex()


def s3_is_right(request, region, access_key, secret):
    authorization = request.headers.get("authorization", "")
    if not authorization.startswith("AWS4-HMAC-SHA256 "):
        return False
    fields = dict(f.strip().split("=", 1) for f in authorization[17:].split(","))
    signed = fields.get("SignedHeaders", "").split(";")
    date = request.headers.get("x-amz-date", "")
    if signed != sorted(signed) or not {"host", "x-amz-date", "x-amz-content-sha256"} <= set(signed):
        return False
    if request.headers["x-amz-content-sha256"] != hashlib.sha256(request.body).hexdigest():
        return False
    scope, signature = s3_signature(request, region, secret, signed, date)
    return fields.get("Credential") == access_key + "/" + scope and fields.get("Signature") == signature


def serve_http(sock, behaviour, arguments):
    stream = sock.makefile("rb")
    while True:
        request = Request(stream)
        print(request.method, request.path, flush=True)
        if behaviour == "status":
            reply(sock, int(arguments[0]), b"an error page", head=request.method == "HEAD")
        elif behaviour == "silent":
            stream.read(1)
        elif behaviour == "endless":
            endless(sock)
        elif behaviour == "redirect":
            sock.sendall(
                b"HTTP/1.1 302 Double\r\nLocation: %s%s\r\nContent-Length: 0\r\n\r\n"
                % (arguments[0].encode(), request.path.encode())
            )
        elif behaviour == "s3" and not s3_is_right(request, *arguments[1:]):
            reply(sock, 403, b"<Code>SignatureDoesNotMatch</Code>", head=request.method == "HEAD")
        else:
            if behaviour == "hold" and "/objects/" in request.path:
                wait_for_file(arguments[1])
            serve_file(sock, request, behaviour, arguments[0])


def serve_redis(sock, behaviour):
    told = sock.recv(65536)
    while behaviour == "redis-unknown" and told:
        words = told.split(b"\r\n")[2::2]
        sock.sendall(b"-ERR unknown command '%s', with args beginning with: '%s' \r\n"
                     % (words[0], b"' '".join(words[1:])))
        told = sock.recv(65536)
    if behaviour == "redis-array":
        sock.sendall(b"*1000000000\r\n")
        sock.recv(65536)
        return
    sock.sendall(b"$8000000000\r\n")
    while True:
        sock.sendall(b"x" * 65536)


def serve(sock, behaviour, arguments):
    try:
        if behaviour.startswith("redis-"):
            serve_redis(sock, behaviour)
        else:
            serve_http(sock, behaviour, arguments)
    except (EOFError, OSError, ValueError):
        pass
    finally:
        sock.close()


def main():
    port, behaviour, arguments = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(64)
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=serve, args=(sock, behaviour, arguments), daemon=True).start()


main()
