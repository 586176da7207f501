"""Names of Node packages: which part of a module's name is the package, and which are known."""

from __future__ import annotations

BUILTIN = frozenset(
    "assert async_hooks buffer child_process cluster console constants crypto dgram diagnostics_channel"
    " dns domain events fs http http2 https inspector module net os path perf_hooks process punycode"
    " querystring readline repl stream string_decoder sys timers tls trace_events tty url util v8 vm"
    " wasi worker_threads zlib test".split()
)
# Scopes that projects give to paths of their own, by tsconfig or a bundler's alias.
_ALIASES = frozenset(
    "@ @app @src @components @component @utils @util @lib @libs @shared @common @core @api @assets"
    " @config @configs @constants @context @contexts @controllers @data @features @helpers @hooks"
    " @images @interfaces @layouts @middleware @middlewares @models @modules @pages @root @routes"
    " @schemas @screens @server @client @services @store @stores @styles @templates @test @tests"
    " @theme @types_ @ui @views @widgets @domain @infrastructure @application @entities @environments"
    " @env @generated @i18n @locales @mocks @providers @repositories @state @web @backend @frontend ~ ~~".split()
)
_OWN = frozenset(
    "src app components pages lib utils hooks store services assets styles config test tests"
    " helpers models views routes controllers types public features shared common api server"
    " client layouts constants context dist build".split()
)
_SCOPES = frozenset(
    "@babel @types @angular @vue @nestjs @hapi @mui @material-ui @emotion @reduxjs @testing-library"
    " @typescript-eslint @storybook @rollup @vitejs @sveltejs @aws-sdk @azure @google-cloud @firebase"
    " @apollo @graphql-tools @graphql-codegen @prisma @tanstack @radix-ui @headlessui @heroicons"
    " @fortawesome @octokit @sentry @stripe @tailwindcss @trpc @nuxt @nuxtjs @remix-run @nx @nrwl"
    " @playwright @jest @swc @esbuild @commitlint @semantic-release @changesets @changelog @opentelemetry"
    " @grpc @fastify @koa @nodelib @sinonjs @parcel @ember @glimmer @ionic @capacitor @expo"
    " @react-native @react-navigation @react-three @floating-ui @popperjs @chakra-ui @ant-design"
    " @next @vercel @supabase @clerk @auth0 @okta @solana @ethersproject @openzeppelin @nomiclabs"
    " @nomicfoundation @hookform @dnd-kit @formatjs @lerna @eslint @stylistic @rushstack @microsoft"
    " @svgr @tsconfig @vitest @vueuse @pinia @wdio @cypress @faker-js @langchain @anthropic-ai"
    " @modelcontextprotocol @iconify @lit @polymer @rspack @mdx-js @docusaurus @netlify @cloudflare"
    " @mikro-orm @bull-board @socket.io @turf @mapbox @deck.gl @visx @nivo @antv @tiptap @lexical"
    " @codemirror @monaco-editor @xterm @electron @electron-forge @tauri-apps @digitalocean @slack"
    " @discordjs @sendgrid @twilio @mailchimp @elastic @redis @mongodb-js @datadog @bugsnag @rollbar".split()
)
_PACKAGES = frozenset(
    "react react-dom react-router react-router-dom react-redux redux redux-thunk redux-saga reselect"
    " next nuxt vue vue-router vuex pinia svelte preact solid-js lit angular jquery lodash lodash-es"
    " underscore ramda rxjs immer immutable zustand jotai recoil mobx mobx-react express koa fastify"
    " hapi restify connect body-parser cookie-parser cors helmet morgan multer compression dotenv"
    " axios node-fetch got request superagent supertest undici cross-fetch isomorphic-fetch ws"
    " socket.io socket.io-client mongoose mongodb pg mysql mysql2 sqlite3 better-sqlite3 redis ioredis"
    " knex sequelize typeorm prisma bookshelf objection drizzle-orm kysely graphql apollo-server"
    " graphql-tag urql relay-runtime webpack webpack-cli webpack-dev-server rollup vite esbuild parcel"
    " gulp grunt browserify tsup swc turbo nx lerna typescript ts-node tsx ts-jest ts-loader"
    " babel-jest babel-loader babel-core babel-eslint css-loader style-loader sass-loader sass node-sass"
    " less less-loader postcss postcss-loader autoprefixer tailwindcss bootstrap html-webpack-plugin"
    " mini-css-extract-plugin copy-webpack-plugin terser uglify-js jest jest-cli"
    " jest-environment-jsdom jsdom mocha chai sinon jasmine karma ava tape tap nyc c8 vitest cypress"
    " playwright puppeteer puppeteer-core selenium-webdriver nightwatch webdriverio enzyme"
    " react-test-renderer nock msw faker proxyquire rewire eslint prettier stylelint tslint husky"
    " lint-staged rimraf mkdirp glob globby fs-extra graceful-fs chokidar nodemon pm2 concurrently"
    " cross-env npm-run-all shelljs execa chalk colors kleur picocolors ora inquirer prompts commander"
    " yargs minimist meow debug winston pino bunyan log4js moment moment-timezone dayjs date-fns luxon"
    " uuid nanoid shortid bcrypt bcryptjs jsonwebtoken passport passport-local crypto-js validator joi"
    " yup zod ajv class-validator class-transformer reflect-metadata async bluebird q p-limit semver"
    " qs query-string classnames clsx prop-types styled-components framer-motion formik"
    " react-hook-form react-query swr d3 chart.js three leaflet mapbox-gl echarts highcharts recharts"
    " antd element-ui element-plus vuetify quasar ionic expo react-native electron electron-builder"
    " firebase firebase-admin aws-sdk stripe twilio nodemailer handlebars ejs pug mustache nunjucks"
    " marked markdown-it highlight.js prismjs cheerio xml2js fast-xml-parser js-yaml yaml toml ini"
    " csv-parse papaparse xlsx exceljs pdfkit pdf-lib sharp jimp canvas archiver adm-zip tar unzipper"
    " socksjs bull bullmq agenda node-cron cron amqplib kafkajs mqtt openai langchain discord.js"
    " telegraf web3 ethers hardhat truffle ganache solc core-js regenerator-runtime tslib acorn esprima"
    " escodegen estraverse recast jscodeshift regexpu-core through2 readable-stream concat-stream"
    " safe-buffer inherits events util process buffer string_decoder minimatch micromatch picomatch"
    " left-pad is-odd ms bytes mime mime-types iconv-lite lru-cache node-gyp nan bindings prebuild-install"
    " node-pre-gyp eslint-plugin-react eslint-plugin-import eslint-plugin-vue eslint-config-prettier"
    " eslint-config-airbnb eslint-plugin-jsx-a11y eslint-plugin-react-hooks eslint-plugin-prettier"
    " lucide-react react-icons i18next react-i18next vue-i18n storybook".split()
)


def package_of(module: str) -> str:
    """`@scope/name` or `name`, of a module's name with whatever path behind it."""
    parts = module.split("!")[-1].split("?")[0].split("/")
    if parts[0].startswith("@"):
        return "/".join(parts[:2]) if len(parts) > 1 else ""
    return parts[0]


def is_alias(module: str) -> bool:
    """A path of the project's own under a made-up name, not a package."""
    parts = module.split("/")
    if parts[0] in _ALIASES or parts[0].startswith("~"):
        return True
    if parts[0] in _OWN:
        return True
    return (
        not module.startswith("@") and any(char.isupper() for char in parts[0]) and len(parts) > 1
    )


def is_known(package: str) -> bool:
    return package in _PACKAGES or package.split("/", 1)[0] in _SCOPES
