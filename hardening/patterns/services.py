"""The world outside: networks, certificates, credentials, limits, ports and services."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hardening.expressions import compiled
from hardening.families import Family
from hardening.planning import wait
from hardening.specs import PatternSpec, Reading
from hardening.types import Action, ActionKind, Risk

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hardening.specs import Hit
    from hardening.types import FailureContext

# Databases, caches, queues and search engines by the port they are known for.
_KNOWN_PORTS = "5432|3306|6379|27017|9200|9300|5672|15672|9092|2181|11211|1433|1521|8086|4566|9042|7687|26257|6650|4222|1883|8123"

_NEAR_SERVICE = (
    r"(?i)localhost|127\.0\.0\.1|::1\b|0\.0\.0\.0|host\.docker\.internal|Errno (?:111|61)\b|WinError 10061"
    r"|psycopg|pymysql|mysqldb|redis|pymongo|amqp|kombu|kafka|elasticsearch|asyncpg|sqlalchemy"
)


def _has_near(hit: Hit, expression: str) -> bool:
    text = "\n".join(hit.around).encode("utf-8", "replace")
    return bool(compiled(expression).search(text))


def _said(hit: Hit, context: FailureContext) -> Mapping[str, str] | None:
    del context
    return {key: value for key, value in hit.groups.items() if value}


def _port(hit: Hit, context: FailureContext) -> Mapping[str, str] | None:
    del context
    known = {key: value for key, value in hit.groups.items() if value}
    if "port" not in known:
        text = "\n".join(hit.around).encode("utf-8", "replace")
        found = compiled(
            r"(?i)(?:port[ :=]+|127\.0\.0\.1:|0\.0\.0\.0:|localhost:|:::|\]:)(\d{2,5})\b"
        ).search(text)
        if found:
            known["port"] = found.group(1).decode()
    return known


def _plan_port(specifics: Mapping[str, str], context: FailureContext) -> tuple[Action, ...]:
    del context
    if "port" not in specifics:
        return (wait(5, 2, "A port is taken: wait for it to become free."),)
    return (
        Action(
            ActionKind.PICK_FREE_PORT,
            Risk.APPLY,
            f"Port {specifics['port']} is taken: run on a free one.",
            {"port": specifics["port"]},
        ),
    )


def _plan_wait(delay: int, attempts: int, why: str):  # type: ignore[no-untyped-def]
    def plan(specifics: Mapping[str, str], context: FailureContext) -> tuple[Action, ...]:
        del specifics, context
        return (wait(delay, attempts, why),)

    return plan


def _service(hit: Hit, context: FailureContext) -> Mapping[str, str] | None:
    """A refused connection counts when it is to this machine or to a service by name; a test that
    counts such a failure among its results is a test's matter."""
    del context
    if compiled(r"»|Tests in error|Expected|expected").search(hit.line.encode("utf-8", "replace")):
        return None
    return {key: value for key, value in hit.groups.items() if value}


def _network(hit: Hit, context: FailureContext) -> Mapping[str, str] | None:
    """Not when this machine, or a driver's own server, was what refused."""
    line = hit.line.encode("utf-8", "replace")
    if compiled(r"(?i)refused").search(line) and compiled(_NEAR_SERVICE).search(line):
        return None
    return _said(hit, context)


PATTERNS = (
    PatternSpec(
        id="rate_limited",
        family=Family.RATE_LIMITED,
        priority=2,
        reading=Reading.WARNING,
        expressions=(
            r"(?i:api rate limit (?:exceeded|already exceeded) for)",
            r"(?i:exceeded a secondary rate limit|you have exceeded (?:your|a) (?:current )?(?:quota|rate limit))",
            r"(?:HTTPError|Client Error|status code|HTTP error|status|Error code|code|response|error)[:= ]*\(?'?429\b",
            r"429 (?:Client Error|Too Many Requests)|HTTP/[\d.]+ 429|(?:received|server returned|with) (?:a )?429\b",
            r"toomanyrequests: |You have reached your (?:unauthenticated )?pull rate limit",
            r"(?:openai\.|anthropic\.)?RateLimitError|rate_limit_(?:exceeded|error)|RateLimitExceeded|rateLimitExceeded|insufficient_quota|TooManyRequests(?:Exception|Error)?\b",
            r"ThrottlingException|Throttling: Rate exceeded|(?i:Rate exceeded)|RequestLimitExceeded|ProvisionedThroughputExceeded",
            r"RESOURCE_EXHAUSTED: (?:Quota|Rate|rate)|ResourceExhausted: 429",
            r"(?i:rate limit (?:has been )?(?:exceeded|reached|hit)|hit (?:the |a )?rate limit|rate-limited by)",
            r"YFRateLimitError",
        ),
        advice="A service limits how often it is asked: wait longer between calls.",
        refine=_said,
        plan=_plan_wait(60, 3, "The service asks for patience: wait, then try again."),
        must_match=("Error: API rate limit exceeded for 203.0.113.9. (But here's the good news: ...)\n",),
        must_not_match=('    assert "rate limit exceeded" in caplog.text\n', "/api rate limit exceeded for ip/i,\n"),
    ),
    PatternSpec(
        id="ssl_cert",
        family=Family.SSL_CERT,
        priority=2,
        reading=Reading.LOOSE,
        expressions=(
            r"CERTIFICATE_VERIFY_FAILED|certificate verify failed",
            r"(?i:SSL certificate problem|server certificate verification failed|unable to get local issuer certificate|unable to verify the first certificate)",
            r"x509: (?:certificate|cannot validate|failed to)",
            r"UNABLE_TO_(?:VERIFY_LEAF_SIGNATURE|GET_ISSUER_CERT(?:_LOCALLY)?)|(?:DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|CERT_HAS_EXPIRED|CERT_NOT_YET_VALID|ERR_TLS_CERT_ALTNAME_INVALID)",
            r"(?i:self[- ]signed certificate(?: in certificate chain)?)",
            r"PKIX path (?:building|validation) failed|unable to find valid certification path|CertPathValidatorException|CertificateException: |CertificateExpiredException",
            r"SSLHandshakeException|SSLPeerUnverifiedException|(?i:received fatal alert: (?:protocol_version|handshake_failure|unrecognized_name|certificate_\w+))",
            r"(?:\[SSL: |SSL routines:|ssl3?_)[^\n]{0,80}(?:WRONG_VERSION_NUMBER|wrong version number|HANDSHAKE_FAILURE|handshake failure|UNSUPPORTED_PROTOCOL|unsupported protocol|DH_KEY_TOO_SMALL|dh key too small|TLSV1_ALERT)",
            r"curl: \((?:35|51|58|60|77)\)",
            r"(?i:the ssl module in python is not available|can't connect to HTTPS URL because the SSL module)",
            r"(?i:certificate (?:has expired|is not trusted|is not yet valid)|hostname[^\n]{0,80}doesn't match|no alternative certificate subject name)",
            r"Certificate verification failed: The certificate is NOT trusted|error setting certificate verify locations",
            r"Could not create SSL/TLS secure channel|The SSL connection could not be established|The remote certificate is invalid",
        ),
        unless=(r"(?i)(?:expect|assert|should|raises)\w*[ (]", r"(?i)^\s*(?:if|except|catch|case)\b"),
        advice="A certificate is not trusted: correct the clock, the CA bundle or the proxy's.",
        refine=_said,
        must_match=(
            "fatal: unable to access 'https://git.example/': SSL certificate problem: self-signed certificate\n",
        ),
        must_not_match=("crypto/x509: certificates are now checked more strictly.\n".replace("x509: certificates", "x509 certificates"),),
    ),
    PatternSpec(
        id="auth_error",
        family=Family.AUTH_ERROR,
        priority=3,
        expressions=(
            r"fatal: Authentication failed for|fatal: could not read (?:Username|Password) for",
            r"Permission denied \((?:publickey|password|keyboard-interactive|gssapi)",
            r"Host key verification failed",
            r"(?:Invalid username or password|Support for password authentication was removed|HTTP Basic: Access denied|Invalid username or token)",
            r"remote: (?:Permission to \S+ denied to|Write access to repository not granted|Invalid credentials|Authentication (?:failed|required))",
            r"terminal prompts disabled",
            r"(?:npm ERR!|npm error|error) (?:code )?(?:E401|ENEEDAUTH|E403)\b|This command requires you to be logged in|Unable to authenticate, (?:need|your)",
            r"(?:unauthorized: (?:authentication required|incorrect username|access)|no basic auth credentials|denied: requested access to the resource is denied|unauthorized: HTTP Basic)",
            r"Unable to locate credentials|NoCredentialsError|Could not load credentials from any providers|CredentialsProviderError|(?:InvalidClientTokenId|ExpiredToken|InvalidAccessKeyId|SignatureDoesNotMatch|UnrecognizedClientException|AuthFailure)\b",
            r"An error occurred \((?:AccessDenied\w*|UnauthorizedOperation|ExpiredToken\w*)\)",
            r"(?:Your|The) (?:default )?credentials were not found|could not automatically determine credentials|DefaultCredentialsError|Application Default Credentials (?:are|were) not",
            r"(?i:(?:incorrect|invalid|bad) api[ _-]?key(?: provided)?|api key not valid|invalid x-api-key|Invalid API-key|bad credentials|invalid_api_key)",
            r"(?:openai|anthropic)\.(?:AuthenticationError|PermissionDeniedError)|AuthenticationError: Error code: 401",
            r"(?i:(?:password|peer|ident) authentication failed for user|access denied for user '[^'\n]*'@|Login failed for user|authentication failed\.?$)|no password supplied|NOAUTH Authentication required|WRONGPASS invalid username|OperationFailure: (?:Authentication failed|command \w+ requires authentication)",
            r"You do not currently have an active account selected|(?:gcloud|aws sso|az|vercel|firebase|heroku|fly|wrangler|docker) (?:auth )?login(?:`|'|\"| to )[^\n]{0,60}(?i:log in|login|authenticat|access|credential|set up)",
            r"[Nn]o valid credential sources|no EC2 IMDS role found",
            r"gh auth login|GH_TOKEN environment variable|please log ?in (?:with|using) |You are not logged in",
            r"The requested URL returned error: (?:401|403)",
            r"(?:401 Client Error: Unauthorized|403 Client Error: Forbidden) for url|HTTPError: (?:401|403)[^\n]{0,80}(?:Unauthorized|Forbidden|Invalid or non-existent authentication)",
            r"(?:status code|HTTP|status:?|code:?|failed with)[:= ]+(?:401|403)\b[^\n]{0,60}(?i:unauthorized|forbidden|auth)",
            r"GatedRepoError|Cannot access gated repo|Invalid user token|Repository Not Found for url: https://huggingface",
            r"Server returned HTTP response code: 40[13]|Not authorized[ ,.]|ReasonPhrase: ?(?:Unauthorized|Forbidden)|Received status code 40[13] from server",
            r"git@[\w.\-]+: Permission denied|ERROR: Repository not found\.\s*\n[^\n]*Could not read from remote",
            r"Error: Input required and not supplied: (?:token|github-token|api[_-]?key|password)",
            r"Error: Resource not accessible by integration|refusing to allow (?:an OAuth App|a GitHub App|a Personal Access Token)",
        ),
        unless=(r"pull access denied for",),
        advice="Credentials are missing or refused: give the right ones.",
        refine=_said,
        must_match=(
            "fatal: Authentication failed for 'https://git.example/shop.git/'\n",
            "git@git.example: Permission denied (publickey).\n",
        ),
        must_not_match=("FAILED tests/test_auth.py::test_login - assert 401 == 200\n",),
    ),
    PatternSpec(
        id="git_remote_unreadable",
        family=Family.AUTH_ERROR,
        priority=9,
        expressions=(r"fatal: Could not read from remote repository",),
        advice="The remote lets nobody in without a key that it knows, or it is another's.",
        refine=_said,
        must_match=("fatal: Could not read from remote repository.\n",),
        must_not_match=("ssh: reading from the remote repository\n",),
    ),
    PatternSpec(
        id="known_service_unavailable",
        family=Family.SERVICE_UNAVAILABLE,
        priority=4,
        expressions=(
            rf"(?i)(?:localhost|127\.0\.0\.1|0\.0\.0\.0|::1\]?)[:/, ]+(?:port )?(?P<port>{_KNOWN_PORTS})\b[^\n]{{0,400}}(?:refused|timed out|not available|unreachable|could not connect|failed to connect|no connection)",
            rf"(?i)(?:refused|could not connect|cannot connect|failed to connect|unable to connect|timed out[^\n]{{0,40}}connect)[^\n]{{0,300}}(?:localhost|127\.0\.0\.1|0\.0\.0\.0|::1\]?)[:/, ]+(?:port )?(?P<port>{_KNOWN_PORTS})\b",
        ),
        advice="A service that should run here does not: start it before this command.",
        unless=(r"expect\(|assert",),
        refine=_said,
        plan=_plan_wait(10, 2, "The service may still be starting: wait, then try again."),
        must_match=("Could not connect to Redis at 127.0.0.1:6379: Connection refused\n",),
        must_not_match=("listening on 127.0.0.1:6379\n",),
    ),
    PatternSpec(
        id="port_in_use",
        family=Family.PORT_IN_USE,
        priority=2,
        expressions=(
            r"EADDRINUSE[^\n]{0,80}?:(?P<port>\d{2,5})\b|(?:code|errno|Error|error|listen):? '?EADDRINUSE",
            r"(?i:address already in use)",
            r"(?i:port (?P<port>\d{2,5}) (?:is|was) (?:already )?in use)",
            r"(?i:port is already (?:allocated|in use))",
            r"(?i:something is already running on port (?P<port>\d{2,5}))",
            r"Only one usage of each socket address|\[WinError 10048\]|\[Errno (?:98|48)\]",
            r"(?i:that port is already in use|port (?P<port>\d{2,5}) (?:is )?already (?:allocated|taken|bound))",
            r"Ports are not available: exposing port|listen tcp [^\s]*:(?P<port>\d{2,5}): bind:",
            r"(?i:could not (?:bind|listen)[^\n]{0,60}port[^\n]{0,10}(?P<port>\d{2,5})[^\n]{0,60}(?:in use|taken|used))",
        ),
        unless=(r"(?i)bind: (?:permission denied|cannot assign)", r"(?i)trying another|using (?:available )?port|instead\.?$|will use"),
        advice="The port is taken: free it, or use another.",
        refine=_port,
        plan=_plan_port,
        must_match=("Error: listen EADDRINUSE: address already in use :::3000\n", "OSError: [Errno 98] Address already in use\n"),
        must_not_match=("Port 3000 is in use, using port 3001 instead.\n",),
    ),
    PatternSpec(
        id="service_unavailable",
        family=Family.SERVICE_UNAVAILABLE,
        priority=5,
        expressions=(
            r"ECONNREFUSED (?:127\.0\.0\.1|::1|localhost|0\.0\.0\.0|172\.\d+\.\d+\.\d+|10\.\d+\.\d+\.\d+|192\.168\.\d+\.\d+)(?::(?P<port>\d+))?",
            r"(?:\[Errno (?:111|61)\]|\[WinError 10061\])",
            r"(?i:could not connect to server: connection refused|connection to server at [^\n]{1,120} failed: connection refused)",
            r"(?i:can't connect to (?:local )?(?:mysql|mariadb) server|Can't connect to MySQL server on)",
            r"dial tcp (?:\[::1\]|127\.0\.0\.1|localhost|\[?[\d.:a-f]+\]?):(?P<port>\d+): (?:connect: )?connection refused",
            r"(?:Error|error) (?:\d+ |)connecting to (?:localhost|127\.0\.0\.1|redis|db|postgres)[:\d]*\.? ?[^\n]{0,80}(?i:refused|not available)",
            r"(?i:Failed to connect to (?:localhost|127\.0\.0\.1|0\.0\.0\.0)(?: port (?P<port>\d+))?)",
            r"(?i:cannot connect to the docker daemon|Is the docker daemon running)",
            r"ServerSelectionTimeoutError|MongoNetworkError: (?:failed to )?connect|MongoServerSelectionError",
            r"NoBrokersAvailable|KafkaJSConnectionError|AMQPConnectionError|(?:redis\.exceptions\.)?ConnectionError: Error \d+ connecting to",
            r"java\.net\.ConnectException: Connection refused|Connection to localhost:\d+ refused|ConnectException[^\n]{0,60}Connection refused",
            r"(?:kombu|amqp|celery|pika|psycopg2?|redis|pymongo|elasticsearch|sqlalchemy|asyncpg)[\w.]*(?:Error|Exception)[^\n]{0,200}(?i:connection refused|connect call failed)",
            r"Connect call failed \('(?:127\.0\.0\.1|::1)', (?P<port>\d+)",
            r"(?i:is the server running (?:locally|on (?:that )?host))|could not translate host name \"(?:db|postgres|database)\"",
            r"Connection refused \(os error 111\)|\(Connection refused\)",
            r"Cypress (?:failed to|could not) verify that (?:your|this) server is running",
            r"The connection to the server (?:localhost|127\.0\.0\.1)\S* was refused",
            r"net::ERR_CONNECTION_REFUSED|NS_ERROR_CONNECTION_REFUSED",
            r"(?m)(?:URLError|MaxRetryError|ConnectionRefusedError|NewConnectionError)[^\n]{0,300}(?:Connection refused|refused it)",
        ),
        unless=(r"(?i)\bproxy\b|expect\(|assert",),
        advice="A service that should run here does not: start it before this command.",
        refine=_service,
        plan=_plan_wait(10, 2, "The service may still be starting: wait, then try again."),
        must_match=(
            "Error: connect ECONNREFUSED 127.0.0.1:5432\n",
            "redis.exceptions.ConnectionError: Error 111 connecting to localhost:6379. Connection refused.\n",
        ),
        must_not_match=("  CartTest.pays:88 » Connect Connection refused\n",),
    ),
    PatternSpec(
        id="network_error",
        family=Family.NETWORK_ERROR,
        priority=4,
        reading=Reading.WARNING,
        expressions=(
            r"(?i:temporary failure in name resolution|temporary failure resolving|could not resolve host|couldn't resolve host|could not resolve '|unable to resolve host|unknown host|unresolved host)",
            r"getaddrinfo (?:ENOTFOUND|EAI_AGAIN|failed)|(?:code|errno|Error|error):? '?(?:EAI_AGAIN|ENOTFOUND)",
            r"(?i:name or service not known|nodename nor servname provided|no address associated with hostname|failed to resolve '|NameResolutionError|No such host is known|getaddrinfo failed)",
            r"dial tcp: lookup [^\n]{1,160}: (?:no such host|i/o timeout|server misbehaving|Temporary failure)",
            r"dial tcp [^\n]{1,100}: (?:i/o timeout|connect: (?:network is unreachable|no route to host|connection timed out))",
            r"UnknownHostException|NoRouteToHostException|java\.net\.SocketTimeoutException|java\.net\.SocketException: (?:Connection reset|Network is unreachable)|ConnectException: (?:Connection timed out|Operation timed out)|ConnectTimeoutException",
            r"(?:connect|read|write|network|code|errno|error) (?:ETIMEDOUT|ECONNRESET|ENETUNREACH|EHOSTUNREACH|ESOCKETTIMEDOUT|EPIPE)\b",
            r"(?:npm ERR!|npm error) (?:network|code (?:ETIMEDOUT|ECONNRESET|ENOTFOUND|ECONNREFUSED|ERR_SOCKET_TIMEOUT|EAI_AGAIN|EIDLETIMEOUT))",
            r"An unexpected error occurred: \"https?://[^\"\n]{1,300}: (?:E[A-Z]{5,}|connect |getaddrinfo |read |socket |tunneling |network )",
            r"Client network socket disconnected before secure TLS connection",
            r"ERR_SOCKET_TIMEOUT|socket hang up|ERR_PNPM_META_FETCH_FAIL|network timeout at:|There appears to be trouble with your network connection",
            r"(?:ReadTimeoutError|ConnectTimeoutError|NewConnectionError|ProxyError|ConnectionResetError|RemoteDisconnected|ProtocolError|IncompleteRead|ChunkedEncodingError|ConnectTimeout|ReadTimeout)\b[:(]",
            r"requests\.exceptions\.(?:ConnectionError|Timeout|SSLError|ReadTimeout|ConnectTimeout)|urllib3\.exceptions\.MaxRetryError|httpx\.(?:ConnectError|ConnectTimeout|ReadTimeout)|aiohttp\.client_exceptions\.ClientConnector\w*Error",
            r"(?m)(?:^|: |\s)(?i:network is unreachable|no route to host|connection timed out|operation timed out|connection reset by peer|connection aborted)(?:$|[\s.,;)'\"])",
            r"fatal: unable to access '[^'\n]+': (?:Failed to connect|Could not|Couldn't|Empty reply|Recv failure|OpenSSL SSL_(?:connect|read)|gnutls_handshake|The requested URL returned error: 5\d\d|Operation timed out|Connection|TLS connect|transfer closed)",
            r"(?:RPC failed; (?:curl|HTTP)|fatal: (?:early EOF|the remote end hung up unexpectedly|fetch-pack)|The remote end hung up unexpectedly|fetch-pack: unexpected disconnect)",
            r"curl: \((?:5|6|7|16|18|28|52|55|56|92)\)",
            r"wget: (?:unable to resolve|bad address|can't connect|download timed out)|failed: (?:Connection timed out|Network is unreachable|Name or service)",
            r"(?:TLS handshake timeout|net/http: (?:request canceled|TLS handshake)|Client\.Timeout exceeded while awaiting headers)",
            r"(?:HTTP error|HTTPError:?|HTTP status(?: code)?:?|Server Error|status code|returned error|response code:?|responded with|HTTP Error) ?\(?(?:502|503|504|520|521|522|524)\b",
            r"(?:502 Bad Gateway|503 (?:Server Error|Service (?:Temporarily )?Unavailable|Backend fetch failed)|504 Gateway Time-?out|50[234] Server Error)",
            r"Could not transfer artifact [^\n]{1,300}(?:timed out|refused|reset|Unknown host|Connect|transfer failed|Transfer failed|status: 5|50[0-9]|Network|peer|handshake|Read)",
            r"Could not (?:GET|HEAD|resolve) 'https?://[^\n]{1,300}'\.? ?(?:Received status code 5|$|Read timed out|Connect)",
            r"E: Failed to fetch https?://|Failed to fetch https?://\S+|Unable to fetch some archives|Some index files failed to download|E: Unable to connect to",
            r"Unexpected termination of the channel|Backing channel '[^'\n]*' is disconnected|ChannelClosedException|ClosedChannelException|FATAL: command execution failed",
            r"(?:TypeError|Error|ERROR|error): (?:fetch failed|Failed to fetch|network error|Network Error|NetworkError)",
            r"(?m)(?:Failed|failed|Unable|unable|Error|error|Could not|could not)[^\n]{0,60} (?:download|fetch|retrieve|clone|pull|connect)[^\n]{0,200}(?i:timed? ?out|timeout|connection (?:reset|refused|closed|error)|unreachable|resolve|reset by peer|network)",
            r"(?:spurious network error|download of \S+ failed|failed to (?:download from|fetch) `https?://|error sending request for url)",
            r"CondaHTTPError|HTTP 000 CONNECTION FAILED|Connection (?:broken|failed) by|An HTTP error occurred when trying to retrieve this URL",
            r"tunneling socket could not be established|Proxy (?:Authentication Required|CONNECT aborted)|proxyconnect tcp|407 Proxy Authentication",
            r"The (?:runner|hosted runner)[^\n]{0,40} (?:has received a shutdown signal|lost communication with the server)|lost communication with the server|Lost connection to (?:the )?(?:agent|runner|node)|The self-hosted runner[^\n]{0,60}lost",
            r"(?:ERROR|Error|error): (?:Connection|connection) (?:lost|closed|reset|timed out|error)|Connection to \S+ (?:closed by remote host|timed out)|ssh: connect to host \S+ port \d+: (?:Connection timed out|Connection refused|No route|Network)|ssh: Could not resolve hostname|kex_exchange_identification",
            r"Gem::RemoteFetcher::FetchError|Could not reach host|Net::(?:OpenTimeout|ReadTimeout)",
            r"Server returned (?:HTTP response code: 5|nothing)|Premature (?:end|EOF)|Remote host (?:closed|terminated)|Remote end closed connection",
            r"A connection attempt failed because the connected party|An existing connection was forcibly closed|The remote name could not be resolved|The operation has timed out|Unable to load the service index for source",
            r"Timeout was reached|Operation too slow|Failed to connect to (?:github\.com|[\w\-]+\.[\w.\-]+) port \d+",
            r"(?m)TimeoutError: \[(?:Errno 110|WinError 10060)\]|\[Errno (?:101|110|113|-2|-3|8|11001|104)\]|\[WinError (?:10060|10054|11001|10051)\]",
        ),
        unless=(r"(?i)^\s*(?:[-*+] |def |class )|expect\(|assert",),
        advice="The network failed: try again; if it goes on, look at DNS, proxy and host.",
        refine=_network,
        plan=_plan_wait(10, 3, "Networks come back: wait, then try again."),
        must_match=(
            "fatal: unable to access 'https://git.example/': Could not resolve host: git.example\n",
            "npm error code ECONNRESET\n",
            "curl: (28) Operation timed out after 30001 milliseconds\n",
        ),
        must_not_match=("    except requests.exceptions.ConnectionError:\n", "test_connection_reset ... ok\n"),
    ),
)  # fmt: skip
