"""TLS and proxies: a server is trusted by its authority and name alone; tunnels."""

import unittest

import support  # noqa: F401
import keepone
import seed
import signature_proxy
import tls

KEYS = {"local": ("local", None)}
SERVICE_HOST = "dynamodb.us-east-1.amazonaws.com"
RULES = ["--key", "cause", "--keep", "any"]

# What the machine that runs the tests may have set.
NOTHING = {name: "" for name in ("AWS_CA_BUNDLE", "HTTPS_PROXY", "https_proxy", "http_proxy",
                                 "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy")}


class Cases(keepone.ServerCase):
    """A TLS server with a certificate of our own authority stands in front of DynamoDB Local."""

    def setUp(self):
        super().setUp()
        self.authority = tls.Authority(self.folder)
        self.table = self.new_table(seed.traps(n_random=20, n_hot=5))

    def serve(self, names):
        """A TLS server whose certificate has these names."""
        proxy = signature_proxy.SignatureProxy(self.server.endpoint, "dynamodb", KEYS,
                                               tls=self.authority.certificate(names))
        self.addCleanup(proxy.stop)
        return proxy

    def tunnel(self, server):
        proxy = tls.TunnelProxy(server.endpoint)
        self.addCleanup(proxy.stop)
        return proxy

    def find(self, *arguments, **env):
        return keepone.run("find", "--table", self.table, *arguments, "--run", self.new_run(),
                           *RULES, env=NOTHING | env)

    def check_found(self, result, server):
        self.assertEqual(keepone.DONE, result.rc, str(result))
        stats = server.stats()
        self.assertEqual([], stats["wrong"])
        self.assertGreater(stats["kinds"]["Scan"], 0)

    def test_a_server_is_trusted_by_its_authority(self):
        server = self.serve("IP:127.0.0.1")
        result = self.find("--endpoint", server.endpoint)
        self.check_error(result, keepone.AWS, server.endpoint + " is not trusted", "certificate")
        self.assertIn("AWS_CA_BUNDLE", result.err)
        self.assertEqual({}, server.stats()["kinds"])
        self.check_found(self.find("--endpoint", server.endpoint,
                                   AWS_CA_BUNDLE=self.authority.file), server)

    def test_a_profile_names_the_authority(self):
        config = self.folder + "/config"
        with open(config, "w", encoding="ascii") as out:
            out.write(f"[default]\nca_bundle = {self.authority.file}\n")
        server = self.serve("IP:127.0.0.1")
        self.check_found(self.find("--endpoint", server.endpoint, AWS_CONFIG_FILE=config), server)

    def test_a_wrong_name_is_refused(self):
        server = self.serve("DNS:localhost,DNS:other.example.com")
        result = self.find("--endpoint", server.endpoint, AWS_CA_BUNDLE=self.authority.file)
        self.check_error(result, keepone.AWS, server.endpoint + " is not trusted")
        self.assertEqual({}, server.stats()["kinds"])

    def test_a_file_without_authority_is_named(self):
        server = self.serve("IP:127.0.0.1")
        result = self.find("--endpoint", server.endpoint, AWS_CA_BUNDLE=self.folder + "/none.pem")
        self.check_error(result, keepone.AWS, "none.pem")

    def test_the_regions_host_is_reached_through_a_tunnel(self):
        server = self.serve("DNS:" + SERVICE_HOST)
        proxy = self.tunnel(server)
        self.check_found(self.find(AWS_CA_BUNDLE=self.authority.file,
                                   HTTPS_PROXY=proxy.endpoint), server)
        self.assertEqual({SERVICE_HOST + ":443"}, set(proxy.hosts))

    def test_lower_case_and_no_proxy_are_heeded(self):
        server = self.serve("DNS:" + SERVICE_HOST)
        proxy = self.tunnel(server)
        self.check_found(self.find(AWS_CA_BUNDLE=self.authority.file,
                                   https_proxy=proxy.endpoint), server)
        n_tunnels = len(proxy.hosts)
        result = self.find("--endpoint", "https://keepone.invalid", HTTPS_PROXY=proxy.endpoint,
                           NO_PROXY="keepone.invalid", AWS_MAX_ATTEMPTS="1")
        self.check_error(result, keepone.AWS, "cannot reach https://keepone.invalid")
        self.assertEqual(n_tunnels, len(proxy.hosts))

    def test_this_machine_needs_no_proxy(self):
        server = self.serve("IP:127.0.0.1")
        proxy = self.tunnel(server)
        self.check_found(self.find("--endpoint", server.endpoint, HTTPS_PROXY=proxy.endpoint,
                                   ALL_PROXY=proxy.endpoint, AWS_CA_BUNDLE=self.authority.file),
                         server)
        self.assertEqual([], proxy.hosts)

    def test_the_environment_names_the_endpoint(self):
        server = self.serve("IP:127.0.0.1")
        self.check_found(self.find(AWS_CA_BUNDLE=self.authority.file,
                                   AWS_ENDPOINT_URL="http://127.0.0.1:1",
                                   AWS_ENDPOINT_URL_DYNAMODB=server.endpoint), server)


if __name__ == "__main__":
    unittest.main()
