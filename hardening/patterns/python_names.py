"""Import names and the distributions that provide them. Data files beside this module; pure.

`python_imports.txt` is checked by people: a name in it is installed without asking, so a line goes
in only for a distribution known to exist and to provide the import. `python_known.txt` has those
whose two names agree.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

DATA = Path(__file__).with_name("data")

# Parts of these namespaces are distributions of their own, named after their place.
_BY_PLACE = {
    "google.cloud": "google-cloud-{}",
    "azure.mgmt": "azure-mgmt-{}",
    "azure.storage": "azure-storage-{}",
    "azure.ai": "azure-ai-{}",
    "azure.iot": "azure-iot-{}",
    "azure.communication": "azure-communication-{}",
    "airflow.providers": "apache-airflow-providers-{}",
    "opentelemetry.instrumentation": "opentelemetry-instrumentation-{}",
    "opentelemetry.exporter": "opentelemetry-exporter-{}",
    "opentelemetry.propagators": "opentelemetry-propagator-{}",
    "sphinxcontrib": "sphinxcontrib-{}",
    "backports": "backports.{}",
    "jaraco": "jaraco.{}",
    "zope": "zope.{}",
    "repoze": "repoze.{}",
    "plone": "plone.{}",
    "collective": "collective.{}",
    "zc": "zc.{}",
    "oslo": "oslo.{}",
    "lazr": "lazr.{}",
    "scikits": "scikits.{}",
    "xstatic.pkg": "XStatic-{}",
    "llama_index.llms": "llama-index-llms-{}",
    "llama_index.embeddings": "llama-index-embeddings-{}",
    "llama_index.readers": "llama-index-readers-{}",
    "llama_index.vector_stores": "llama-index-vector-stores-{}",
    "haystack_integrations": "{}-haystack",
}
# The same for names that begin alike.
_BY_BEGINNING = {
    "aliyunsdk": "aliyun-python-sdk-",
    "alibabacloud_": "alibabacloud-",
    "huaweicloudsdk": "huaweicloudsdk",
    "mypy_boto3_": "mypy-boto3-",
    "adafruit_": "adafruit-circuitpython-",
    "win32": "pywin32",
    "oslo_": "oslo.",
}
# Families of distributions whose import name is theirs with underscores.
_FAMILIES = (
    "flask_", "django_", "pytest_", "sphinx_", "langchain_", "langgraph_", "llama_index_", "mkdocs_",
    "flake8_", "pylint_", "jupyter_", "streamlit_", "fastapi_", "opentelemetry_", "google_", "azure_",
    "drf_", "sqlalchemy_", "tensorflow_", "torch_", "pytorch_", "dash_", "aiohttp_", "prometheus_",
    "celery_", "redis_", "scrapy_", "pydantic_", "requests_", "types_", "wagtail_", "channels_",
)  # fmt: skip
# In the map, but as often a module of a project's own: no proof of a missing distribution.
AMBIGUOUS = frozenset(
    "App Globals HelpSys Lifetime OFS Products Shared Signals Testing amazon analytics api atom"
    " avatar axes board box can captcha chef clang com community compose constraint control dal"
    " debian editor environ facebook fire flower fluid functional future gin graphics guardian"
    " haystack hydra ics icu imdb infi intercom invitations jack keyboard lime mailer material"
    " mega menu menus meta migrate mouse notifications nio oscar pan panel path payments pipeline"
    " polygon power proton registration requirements rich rl robots rule rules rx sale schedule"
    " scheduler scp segment settings sh shared solo sql square status stem structure surprise tables"
    " tagging tree tagging telegram_bot testing timer tinymce tools trello two_factor validate vcf visa"
    " voting wagtail_app weka web wiki zeep_client records retry ta sacred prefect_flows control arch"
    " corner quart toga eel faust reflex ray_utils evaluate dataset databases positions pattern sequences account"
    " organizations categories redirects limits adapters summarizer sortable subdomains mws apns"
    " webview healthcheck art colors begin progress workflow term storm clip neo neuron em mu iris"
    " bt bullet pick ops vt hunter manhole beeline parted translate transaction persistent".split()
) - {"facebook", "telegram", "environ", "captcha", "rich", "prefect", "two_factor", "wiki"}

# Parts that later versions of well-known distributions have no more.
GONE_PARTS = (
    "tensorflow.contrib", "tensorflow.examples", "tensorflow.keras", "keras.layers.",
    "keras.utils.", "keras.engine", "keras.preprocessing", "sklearn.externals",
    "sklearn.cross_validation", "sklearn.grid_search", "sklearn.utils.testing",
    "sklearn.datasets.", "torch._six", "torchtext.legacy", "torchvision.transforms.functional_tensor",
    "scipy.misc", "pip.req", "pip.download", "pip._internal.", "werkzeug.contrib", "flask.ext",
    "flask._compat", "django.core.urlresolvers", "django.utils.six",
    "pandas.util.testing", "pandas.io.data", "matplotlib.finance", "moviepy.editor",
    "numpy.core.", "numpy.testing.", "langchain.", "llama_index.", "urllib3.packages",
    "requests.packages", "setuptools.command.test", "pkg_resources.extern", "jinja2.ext.",
    "google.appengine", "openai.error", "pydantic.error_wrappers", "sqlalchemy.ext.declarative.",
    "celery.task", "wtforms.ext", "IPython.", "torch.utils.serialization", "theano.tensor.",
)  # fmt: skip
# Removed from the standard library (or never in Python 3): the version, and what to do about it.
REMOVED = {
    "asynchat": "3.12", "asyncore": "3.12", "imp": "3.12", "smtpd": "3.12",
    "aifc": "3.13", "audioop": "3.13", "cgi": "3.13", "cgitb": "3.13", "chunk": "3.13",
    "crypt": "3.13", "imghdr": "3.13", "lib2to3": "3.13", "mailcap": "3.13", "msilib": "3.13",
    "nis": "3.13", "nntplib": "3.13", "ossaudiodev": "3.13", "pipes": "3.13", "sndhdr": "3.13",
    "spwd": "3.13", "sunau": "3.13", "telnetlib": "3.13", "uu": "3.13", "xdrlib": "3.13",
    "formatter": "3.10", "parser": "3.10", "symbol": "3.10", "binhex": "3.11", "macpath": "3.8",
    "dummy_threading": "3.9", "_dummy_threading": "3.9", "asyncio.compat": "3.7",
    "urllib2": "3.0", "urlparse": "3.0", "httplib": "3.0", "cPickle": "3.0", "cStringIO": "3.0",
    "StringIO": "3.0", "Queue": "3.0", "ConfigParser": "3.0", "HTMLParser": "3.0",
    "Tkinter": "3.0", "tkMessageBox": "3.0", "tkFileDialog": "3.0", "ttk": "3.0",
    "__builtin__": "3.0", "commands": "3.0", "Cookie": "3.0", "cookielib": "3.0",
    "SocketServer": "3.0", "BaseHTTPServer": "3.0", "SimpleHTTPServer": "3.0",
    "CGIHTTPServer": "3.0", "xmlrpclib": "3.0", "SimpleXMLRPCServer": "3.0", "copy_reg": "3.0",
    "exceptions": "3.0", "htmlentitydefs": "3.0", "UserDict": "3.0", "UserList": "3.0",
    "UserString": "3.0", "md5": "3.0", "sha": "3.0", "sets": "3.0", "anydbm": "3.0",
    "dummy_thread": "3.0", "thread": "3.0", "robotparser": "3.0", "whichdb": "3.0",
    "repr": "3.0", "dbhash": "3.0", "new": "3.0", "mimetools": "3.0", "rfc822": "3.0",
    "itertools.izip": "3.0", "winreg_": "3.0", "_winreg": "3.0",
}  # fmt: skip
# What a removed module is kept alive as, by a distribution known to exist.
KEPT_ALIVE = {"audioop": "audioop-lts", "cgi": "legacy-cgi", "cgitb": "legacy-cgi"}
# Parts of the standard library that need a library of the system when Python is built.
NEEDS_LIBRARY = {
    "_ctypes": "libffi", "_sqlite3": "sqlite3", "sqlite3": "sqlite3", "_ssl": "openssl",
    "ssl": "openssl", "_hashlib": "openssl", "_bz2": "bzip2", "bz2": "bzip2", "_lzma": "xz",
    "lzma": "xz", "_tkinter": "tk", "tkinter": "tk", "turtle": "tk", "_curses": "ncurses",
    "curses": "ncurses", "readline": "readline", "_dbm": "gdbm", "_gdbm": "gdbm", "zlib": "zlib",
    "_uuid": "util-linux", "idlelib": "tk", "ensurepip": "python3-venv", "venv": "python3-venv",
    "lib2to3": "python3-lib2to3", "_decimal": "mpdecimal",
}  # fmt: skip


@cache
def imports() -> dict[str, str]:
    """Import name (dotted where a part of a namespace) to distribution."""
    table: dict[str, str] = {}
    for line in _lines("python_imports.txt"):
        distribution, _, names = line.partition(" = ")
        for name in names.split():
            table.setdefault(name, distribution)
    return table


@cache
def known() -> frozenset[str]:
    """Import names that are third party, top-level part, in lower case."""
    names = {name for line in _lines("python_known.txt") for name in line.split()}
    names.update(name.split(".", 1)[0] for name in imports())
    return frozenset(name.lower() for name in names)


@cache
def standard_library() -> frozenset[str]:
    return frozenset(name for line in _lines("python_stdlib.txt") for name in line.split())


def _lines(name: str) -> list[str]:
    text = (DATA / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def distribution_of(module: str) -> str:
    """The distribution that provides a module (dotted name): from the map, by its namespace, or
    the first part of its name, as it stands."""
    table = imports()
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        name = ".".join(parts[:length])
        if name in table and not (length == 1 and len(parts) > 1 and _placed(parts)):
            return table[name]
        if length > 1 and (placed := _placed(parts[:length])):
            return placed
    for beginning, distribution in _BY_BEGINNING.items():
        if parts[0].startswith(beginning) and parts[0] != beginning:
            rest = parts[0][len(beginning) :]
            return distribution if beginning == "win32" else distribution + rest.replace("_", "-")
    return parts[0].replace("_", "-") if parts[0].startswith(_FAMILIES) else parts[0]


def _placed(parts: list[str]) -> str:
    for depth in (2, 1):
        shape = _BY_PLACE.get(".".join(parts[:depth]))
        if shape and len(parts) > depth:
            return shape.format(parts[depth].replace("_", "-"))
    return ""


def is_known(module: str) -> bool:
    """Whether a person has vouched for the module's distribution."""
    top = module.split(".", 1)[0]
    return top.lower() in known() or bool(_placed(module.split(".")))


def is_family(module: str) -> bool:
    """Named as extensions of well-known distributions are (flask_x): third party, but nobody has
    vouched for the name."""
    top = module.split(".", 1)[0]
    return top.startswith(_FAMILIES) or any(
        top.startswith(begin) and top != begin for begin in _BY_BEGINNING
    )
