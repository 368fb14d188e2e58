"""Certificates for tests, made by the openssl command, and a proxy that tunnels to one server.

    authority = Authority(folder)
    authority.file                                    # for AWS_CA_BUNDLE
    authority.certificate("DNS:localhost,IP:127.0.0.1")   # -> (certificate file, key file)
"""

import os
import socket
import socketserver
import subprocess
import threading


class Authority:
    def __init__(self, folder):
        self.folder = folder
        self.n_made = 0
        self.file = os.path.join(folder, "ca.pem")
        self.key = os.path.join(folder, "ca.key")
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                 "-nodes", "-keyout", self.key, "-out", self.file, "-days", "2",
                 "-subj", "/CN=keepone test authority")

    def certificate(self, names):
        """names: what the certificate is for, such as "DNS:localhost,IP:127.0.0.1"."""
        self.n_made += 1
        stem = os.path.join(self.folder, f"server-{self.n_made}")
        with open(stem + ".ext", "w", encoding="ascii") as out:
            out.write(f"subjectAltName={names}\n")
        _openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                 "-keyout", stem + ".key", "-out", stem + ".csr", "-subj", "/CN=server")
        _openssl("x509", "-req", "-in", stem + ".csr", "-CA", self.file, "-CAkey", self.key,
                 "-CAcreateserial", "-days", "2", "-extfile", stem + ".ext", "-out", stem + ".pem")
        return stem + ".pem", stem + ".key"


def _openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


class TunnelProxy:
    """An HTTP proxy that takes CONNECT for any host, and leads to one server whatever it is.

    .endpoint for HTTPS_PROXY; .hosts are the "host:port" asked for.
    """

    def __init__(self, target):
        host, port = target.rpartition("//")[2].split(":")
        self.target = host, int(port)
        self.hosts = []
        self.server = _TunnelServer(("127.0.0.1", 0), _TunnelHandler)
        self.server.proxy = self
        self.endpoint = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class _TunnelServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128


class _TunnelHandler(socketserver.StreamRequestHandler):
    def handle(self):
        line = self.rfile.readline().decode("ascii", "replace").split()
        while self.rfile.readline() not in (b"\r\n", b"\n", b""):
            pass
        if len(line) != 3:
            return
        self.server.proxy.hosts.append(line[1])
        if line[0] != "CONNECT":
            self.wfile.write(b"HTTP/1.1 405 only CONNECT\r\nContent-Length: 0\r\n\r\n")
            return
        with socket.create_connection(self.server.proxy.target) as upstream:
            self.wfile.write(b"HTTP/1.1 200 tunnel\r\n\r\n")
            back = threading.Thread(target=_pump, args=(upstream, self.connection), daemon=True)
            back.start()
            _pump(self.connection, upstream)
            back.join()


def _pump(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    for end in (source, target):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
