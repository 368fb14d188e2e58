"""A proxy in front of DynamoDB Local that describes a table as the real service would, and
remembers which operations were sent.

    proxy = DescribeProxy(server.endpoint, {"StreamSpecification": {...}}, pitr="ENABLED")
    proxy.endpoint, proxy.operations(), proxy.stop()

members: go into the Table of every DescribeTable reply.  pitr: what DescribeContinuousBackups says;
None = as DynamoDB Local does, which does not know the operation.
"""

import http.client
import http.server
import json
import threading


class DescribeProxy:
    def __init__(self, upstream, members=None, pitr=None):
        self.upstream = upstream.removeprefix("http://").rstrip("/")
        self.members = members or {}
        self.pitr = pitr
        self.lock = threading.Lock()
        self.seen = []
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self.server.daemon_threads = True
        self.server.proxy = self
        self.endpoint = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def operations(self):
        """Their names, each once; forgets them."""
        with self.lock:
            seen, self.seen = set(self.seen), []
            return seen

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def answer(self, operation, headers, body):
        with self.lock:
            self.seen.append(operation)
        if operation == "DescribeContinuousBackups" and self.pitr is not None:
            return 200, json.dumps({"ContinuousBackupsDescription": {
                "ContinuousBackupsStatus": "ENABLED", "PointInTimeRecoveryDescription": {
                    "PointInTimeRecoveryStatus": self.pitr}}}).encode()
        upstream = http.client.HTTPConnection(self.upstream, timeout=60)
        upstream.request("POST", "/", body, headers)
        reply = upstream.getresponse()
        status, content = reply.status, reply.read()
        upstream.close()
        if operation == "DescribeTable" and status == 200:
            content = json.loads(content)
            content["Table"] |= self.members
            content = json.dumps(content).encode()
        return status, content


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):  # noqa: N802, the name is the library's
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        operation = self.headers.get("x-amz-target", "").rpartition(".")[2]
        headers = {name: self.headers[name] for name in
                   ("content-type", "x-amz-target", "x-amz-date", "authorization")
                   if name in self.headers}
        status, content = self.server.proxy.answer(operation, headers, body)
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass
