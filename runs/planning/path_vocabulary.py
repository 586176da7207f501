"""Words that tell paths from other words. Lower case."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


EXTENSIONS = _words(
    """
adoc age apex arb asc asm asset astro avsc babelrc bak bash bat bazel bib bin blade bmp bst bzl
c cabal cairo cc cfg cjs cl clj cljc cljs cls cmake cmd cnf conf config cpp crt cs cshtml csproj
css csv cts cu cuh cxx dart db desktop diff dockerfile dockerignore dpr editorconfig edn eex ejs
el elm entitlements env erb erl eslintrc ex example exs f f90 feature fish for frag fs fsproj
fsx gd gemspec gif gitattributes gitignore glsl go gql gradle graphql groovy gz h haml hbs hcl
heex hex hh hpp hrl hs htm html hxx ico ini ino ipynb j2 java jinja jinja2 jl jpeg jpg js json
json5 jsonc jsonl jsonnet jsx key kt kts ld leex less lhs libsonnet liquid lisp list lock log
lua m make map markdown md mdx metal mjs mk ml mli mm mo mod move mp3 mp4 mts mustache ndjson
nim ninja nix njk npmrc nvmrc ogg onnx org otf parquet pas patch pbxproj pde pdf pem php phtml
pl plist pm png po podspec pot prefab prettierrc prisma properties proto ps1 psd1 psm1 pt pub
pug py pyi pyx r rake razor rb rc resx rkt rmd robot rs rst rules s sample sass sc scala scm
scss service sh shader slim sln snap socket sol sql sqlite sqlite3 storyboard strings sty styl
sum sv svelte svg swift tar template tex tf tfvars tgz thrift timer tmpl toml tpl tres trigger
ts tscn tsv tsx ttf twig txt unity v vb vert vhd vhdl vue vy wasm wat wav webm webp wgsl wit
woff woff2 work xaml xcconfig xcodeproj xctestplan xcworkspace xhtml xib xml xsd xsl xslt yaml
yml zig zip zsh
"""
)
"""Endings of file names."""

DOUBTFUL = _words(
    """
age ai app asset bin cl co com config cu d data db delete desktop dev el env example f feature
for fs get hex id in index info io key ld length list log m make map me metal ml mo mod move
name net org pl pm po pop post pt pub push put r rc rules s sample sc service set shader size
snap socket state strings sum template test timer trigger type unity v value vb wit work
"""
)
"""Endings that attributes and addresses have as well: a bare name needs the tree to be a file."""

LIBRARIES = _words(
    """
alasql alpine angular anime aurelia babylon backbone big brain bull chart chart.umd cytoscape d3
day decimal deck discord dropzone editor ember ethers express fabric fastify fuse gsap hammer
handlebars hapi highlight htmx inferno intro jquery kepler knockout koa konva leaflet lit lodash
lunr math matter mermaid meteor mithril ml5 moment mustache nest next node numeral nuxt p5 paper
pdf phaser pixi plotly polymer preact prism probot quill react require reveal riot sails
shepherd sigma socket.io solid sql stencil stripe swagger tensorflow three tone underscore video
vue web3 xterm
"""
)
"""Libraries that are called like files: "Next.js"."""

NAMES = _words(
    """
appfile brewfile build.bazel caddyfile capfile cartfile codeowners containerfile dangerfile
dockerfile earthfile fastfile gemfile gnumakefile guardfile jenkinsfile justfile makefile
pipfile podfile procfile rakefile snakefile tiltfile vagrantfile
"""
)
"""Files without an ending."""

NAMES_IN_CODE = _words(
    """
authors build changelog contributing gradlew license makefile mvnw notice readme todo version
workspace
"""
)
"""Words that are files when they stand in code, in capitals."""

ROOTS = _words(
    """
.claude .cursor .devcontainer .github .vscode android ansible api app apps assets backend bin
charts client cmd common components config configs contracts core crates database db deploy doc
docs e2e electron examples features frontend helm hooks infra internal ios k8s lib libs
migrations modules packages pkg plugins prisma programs public resources script scripts server
services shared spec specs src static supabase templates terraform test tests tools types ui
utils web workflows
"""
)
"""Folders at the top of repositories."""

SYSTEM = _words(
    """
applications bin boot dev etc home library media mnt opt private proc root sbin srv sys tmp
users usr var volumes windows
"""
)
"""Folders at the top of a machine."""

ROUTES = _words(
    """
admin api auth graphql health healthz login logout metrics oauth public rest static status users
v1 v2 v3 webhook webhooks ws
"""
)
"""What routes of an API begin with."""
