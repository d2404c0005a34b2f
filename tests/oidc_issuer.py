"""An issuer (OpenID Connect) that checks what it is asked, and lies on demand: real answers over HTTP."""

import base64
import hashlib
import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

CLIENT, SECRET = "tracsync", "the secret of the client"


class Issuer:
    """`claims` are of whom signs in; `lies` replace claims of the token, and None takes one away."""

    def __init__(self):
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                issuer.answer(self, parse_qs(urlsplit(self.path).query))

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                issuer.answer(self, parse_qs(body.decode()))

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.key = RSAKey.generate_key(2048, {"kid": "one"}, auto_kid=False)
        self.signed_with, self.algorithm = self.key, "RS256"
        self.claims, self.userinfo, self.lies, self.metadata = {}, {}, {}, {}
        self.codes, self.calls = {}, []
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def sign_in(self, address):
        """What a browser does that is sent to `address`: the address to which it is sent back."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert address.startswith(f"{self.url}/authorize?")
        assert (asked["client_id"], asked["response_type"]) == (CLIENT, "code")
        assert (asked["code_challenge_method"], len(asked["nonce"]) > 10) == ("S256", True)
        code = secrets.token_hex(8)
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def answer(self, handler, given):
        path = urlsplit(handler.path).path
        self.calls.append(path)
        status, body = 200, {}
        if path == "/.well-known/openid-configuration":
            body = self._metadata()
        elif path == "/jwks":
            body = {"keys": [self.key.as_dict(private=False)]}
        elif path == "/userinfo":
            body = self.userinfo
        elif path == "/token":
            status, body = self._token(handler.headers["Authorization"], {k: v[0] for k, v in given.items()})
        text = json.dumps(body).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text)

    def _metadata(self):
        names = {"authorization": "authorize", "token": "token", "userinfo": "userinfo"}
        places = {f"{name}_endpoint": f"{self.url}/{place}" for name, place in names.items()}
        own = {"issuer": self.url, "jwks_uri": f"{self.url}/jwks"}
        algorithms = ["RS256", "HS256", "none"]
        known = {**own, **places, "id_token_signing_alg_values_supported": algorithms, **self.metadata}
        return {name: value for name, value in known.items() if value is not None}

    def _token(self, authorization, given):
        asked = self.codes.pop(given.get("code"), None)
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        digest = hashlib.sha256(given.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if authorization != f"Basic {basic}":
            return 401, {"error": "invalid_client"}
        is_asked = asked and asked["redirect_uri"] == given["redirect_uri"]
        if not is_asked or asked["code_challenge"] != challenge:
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        own = {"iss": self.url, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked["nonce"]}
        claims = {k: v for k, v in {**own, **self.claims, **self.lies}.items() if v is not None}
        header = {"alg": self.algorithm, "kid": "one"}
        token = jwt.encode(header, claims, self.signed_with, algorithms=[self.algorithm])
        return 200, {"access_token": "x", "token_type": "Bearer", "expires_in": 300, "id_token": token}


def shared_key():
    return OctKey.import_key("a key that anybody could have made up, long enough", {"kid": "one"})


def other_key():
    return RSAKey.generate_key(2048, {"kid": "one"}, auto_kid=False)
