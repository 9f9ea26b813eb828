// SPDX-License-Identifier: Apache-2.0
// The reference gateway of the policy API (net/policy-api.yaml): real HTTP and TLS over SQLite.
#include "board/err.h"
#include "tools/policy_server_http.h"
#include "tools/policy_server_seed.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PEM_MAX 65536

static const char help[] =
    "usage: policy-server [options]\n"
    "Answers motor policy look-ups from a SQLite database, as net/policy-api.yaml says.\n"
    "\n"
    "  --db FILE            the database, made when missing (default: in memory)\n"
    "  --seed-demo N        write N made-up customers whose policies end around today\n"
    "  --plates FILE.json   with --seed-demo: these plates among them; a list of texts or of\n"
    "                       {\"plate\":\"..\",\"days_left\":12}, or what gate-clip wrote\n"
    "  --import FILE.csv    read customers and policies (one line a policy, header line first:\n"
    "                       plate,owner_name,owner_phone,model,vin,color,first_registered,\n"
    "                       kind,insurer,number,start,end,premium,claims,covers)\n"
    "  --no-serve           stop after --seed-demo and --import\n"
    "  --address IP         listen here (default 127.0.0.1)\n"
    "  --port N             0: any free port (default 8543)\n"
    "  --cert F --key F     PEM: serve TLS\n"
    "  --client-ca F        PEM: ask for client certificates signed by these\n"
    "  --token-file F       one bearer token a line; without, everybody may ask\n"
    "  --rate N             look-ups a second and token, then 429\n"
    "  --retry-after S      what 429 and 503 tell (default 1)\n"
    "  --fault KIND[:COUNT] misbehave, for ever or COUNT times: slow drip cut drop 500 503 429\n"
    "                       malformed huge type deep plate date encoding charset gzip html empty\n"
    "                       redirect\n"
    "  --slow-ms N          how slow \"slow\" is (default 3000)\n"
    "  --allow-faults       also by a header \"X-Fault: KIND\" and PUT /admin/fault; GET "
    "/admin/stats\n"
    "  --shapes             also answer in the shape of RDW and DVLA, see net/gateways.md\n"
    "  --json               the ready line as JSON\n"
    "\n"
    "Prints a line with the address when it serves; SIGTERM or SIGINT ends it.\n"
    "examples:\n"
    "  policy-server --seed-demo 300 --port 0 --json\n"
    "  policy-server --db p.db --import customers.csv --no-serve\n"
    "  policy-server --db p.db --cert s.pem --key s.key --token-file tokens --rate 20\n"
    "  policy-server --seed-demo 10 --fault 500:3      # fails three times, then works\n"
    "exit status: 0 stopped as asked, 1 an error (told on stderr), 2 wrong use\n";

enum {
  OPT_DB = 1000,
  OPT_SEED,
  OPT_PLATES,
  OPT_IMPORT,
  OPT_NO_SERVE,
  OPT_ADDRESS,
  OPT_PORT,
  OPT_CERT,
  OPT_KEY,
  OPT_CLIENT_CA,
  OPT_TOKEN_FILE,
  OPT_RATE,
  OPT_RETRY_AFTER,
  OPT_FAULT,
  OPT_SLOW_MS,
  OPT_ALLOW_FAULTS,
  OPT_SHAPES,
  OPT_JSON,
  OPT_HELP
};

static const struct option options[] = {
    {"db", required_argument, NULL, OPT_DB},
    {"seed-demo", required_argument, NULL, OPT_SEED},
    {"plates", required_argument, NULL, OPT_PLATES},
    {"import", required_argument, NULL, OPT_IMPORT},
    {"no-serve", no_argument, NULL, OPT_NO_SERVE},
    {"address", required_argument, NULL, OPT_ADDRESS},
    {"port", required_argument, NULL, OPT_PORT},
    {"cert", required_argument, NULL, OPT_CERT},
    {"key", required_argument, NULL, OPT_KEY},
    {"client-ca", required_argument, NULL, OPT_CLIENT_CA},
    {"token-file", required_argument, NULL, OPT_TOKEN_FILE},
    {"rate", required_argument, NULL, OPT_RATE},
    {"retry-after", required_argument, NULL, OPT_RETRY_AFTER},
    {"fault", required_argument, NULL, OPT_FAULT},
    {"slow-ms", required_argument, NULL, OPT_SLOW_MS},
    {"allow-faults", no_argument, NULL, OPT_ALLOW_FAULTS},
    {"shapes", no_argument, NULL, OPT_SHAPES},
    {"json", no_argument, NULL, OPT_JSON},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

struct run {
  struct ps_options http;
  const char *db, *plates, *import, *cert, *key, *client_ca, *tokens;
  int seed;
  bool no_serve, json;
};

static bool number(const char *option, const char *text, int low, int high, int *out) {
  char *end;
  errno = 0;
  long v = strtol(text, &end, 10);
  if (errno == 0 && *text && *end == '\0' && v >= low && v <= high) {
    *out = (int)v;
    return true;
  }
  fprintf(stderr, "policy-server: --%s: %s is not a number from %d to %d\n", option, text, low,
          high);
  return false;
}

static bool parse_fault(struct ps_options *o, const char *text) {
  char kind[32];
  size_t n = strcspn(text, ":");
  if (n < sizeof kind) {
    memcpy(kind, text, n);
    kind[n] = '\0';
    o->fault_count = -1;
    if (ps_fault_parse(kind, &o->fault))
      return !text[n] || number("fault", text + n + 1, 0, 1000000, &o->fault_count);
  }
  fprintf(stderr, "policy-server: --fault: no such kind; see --help\n");
  return false;
}

// 0: go on, else the exit status + 1.
static int parse(struct run *r, int argc, char **argv) {
  for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
    bool ok = true;
    switch (c) {
    case OPT_DB:
      r->db = optarg;
      break;
    case OPT_SEED:
      ok = number("seed-demo", optarg, 0, 1000000, &r->seed);
      break;
    case OPT_PLATES:
      r->plates = optarg;
      break;
    case OPT_IMPORT:
      r->import = optarg;
      break;
    case OPT_NO_SERVE:
      r->no_serve = true;
      break;
    case OPT_ADDRESS:
      r->http.address = optarg;
      break;
    case OPT_PORT:
      ok = number("port", optarg, 0, 65535, &r->http.port);
      break;
    case OPT_CERT:
      r->cert = optarg;
      break;
    case OPT_KEY:
      r->key = optarg;
      break;
    case OPT_CLIENT_CA:
      r->client_ca = optarg;
      break;
    case OPT_TOKEN_FILE:
      r->tokens = optarg;
      break;
    case OPT_RATE:
      ok = number("rate", optarg, 0, 1000000, &r->http.rate);
      break;
    case OPT_RETRY_AFTER:
      ok = number("retry-after", optarg, 0, 86400, &r->http.retry_after_s);
      break;
    case OPT_FAULT:
      ok = parse_fault(&r->http, optarg);
      break;
    case OPT_SLOW_MS:
      ok = number("slow-ms", optarg, 0, 600000, &r->http.slow_ms);
      break;
    case OPT_ALLOW_FAULTS:
      r->http.allow_faults = true;
      break;
    case OPT_SHAPES:
      r->http.shapes = true;
      break;
    case OPT_JSON:
      r->json = true;
      break;
    case OPT_HELP:
      fputs(help, stdout);
      return 1;
    default:
      ok = false; // getopt has told
    }
    if (!ok)
      return 3;
  }
  const char *wrong = optind < argc               ? "takes no words without --"
                      : !r->cert != !r->key       ? "--cert and --key belong together"
                      : r->client_ca && !r->cert  ? "--client-ca needs --cert and --key"
                      : r->plates && r->seed == 0 ? "--plates needs --seed-demo"
                                                  : NULL;
  if (wrong)
    fprintf(stderr, "policy-server: %s\n", wrong);
  return wrong ? 3 : 0;
}

// A whole small file as text, malloc'ed. NULL path gives NULL and true.
static bool read_file(const char *path, char **out, struct err *e) {
  *out = NULL;
  if (!path)
    return true;
  FILE *f = fopen(path, "r");
  if (!f)
    return err_errno(e, errno, "%s", path);
  char *text = malloc(PEM_MAX);
  size_t n = text ? fread(text, 1, PEM_MAX, f) : 0;
  bool ok = text && !ferror(f) && n < PEM_MAX;
  (void)fclose(f); // only read
  if (!ok) {
    free(text);
    return err_set(e, ERR_LIMIT, "%s: cannot be read or larger than %d bytes", path, PEM_MAX - 1);
  }
  text[n] = '\0';
  *out = text;
  return true;
}

static bool read_tokens(struct ps_options *o, const char *path, struct err *e) {
  char *text;
  if (!read_file(path, &text, e))
    return false;
  for (const char *p = text; p && *p;) {
    size_t n = strcspn(p, "\r\n");
    if (n > 0 && (n >= PS_TOKEN_BYTES || o->tokens == PS_TOKENS_MAX)) {
      free(text);
      return err_set(e, ERR_LIMIT, "%s: more than %d tokens, or one of %d bytes or more", path,
                     PS_TOKENS_MAX, PS_TOKEN_BYTES);
    }
    if (n > 0) {
      memcpy(o->token[o->tokens], p, n);
      o->token[o->tokens++][n] = '\0';
    }
    p += n + strspn(p + n, "\r\n");
  }
  bool ok = !path || o->tokens > 0 || err_set(e, ERR_FORMAT, "%s: holds no token", path);
  free(text);
  return ok;
}

static bool fill(const struct run *r, struct ps_db *db, struct err *e) {
  if (r->seed > 0 && !ps_seed_demo(db, r->seed, r->plates, e))
    return false;
  int lines = 0;
  if (r->import && !ps_import_csv(db, r->import, &lines, e))
    return false;
  if (r->import)
    fprintf(stderr, "info policy-server: imported lines=%d\n", lines);
  return true;
}

static bool serve(const struct run *r, struct ps_db *db, const sigset_t *stop, struct err *e) {
  struct ps_http *http = NULL;
  if (!ps_http_start(&http, &r->http, db, e))
    return false;
  int port = ps_http_port(http), sig;
  const char *scheme = r->cert ? "https" : "http";
  if (r->json)
    printf("{\"ready\":true,\"url\":\"%s://%s:%d\",\"port\":%d,\"vehicles\":%" PRId64 "}\n", scheme,
           r->http.address, port, port, ps_db_count(db));
  else
    printf("policy-server: %s://%s:%d, %" PRId64 " vehicles\n", scheme, r->http.address, port,
           ps_db_count(db));
  bool ok = fflush(stdout) == 0 || err_errno(e, errno, "ready line");
  if (ok && sigwait(stop, &sig) != 0)
    ok = err_set(e, ERR_STATE, "sigwait");
  ps_http_stop(http);
  return ok;
}

int main(int argc, char **argv) {
  static struct run r = {
      .db = ":memory:",
      .http = {.address = "127.0.0.1", .port = 8543, .retry_after_s = 1, .slow_ms = 3000}};
  int early = parse(&r, argc, argv);
  if (early)
    return early - 1;
  // Before any thread starts: all of them leave these signals to sigwait.
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGINT);
  if (sigprocmask(SIG_BLOCK, &stop, NULL) != 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
    return 1;
  struct err e;
  struct ps_db *db = NULL;
  char *cert = NULL, *key = NULL, *ca = NULL;
  bool ok = read_file(r.cert, &cert, &e) && read_file(r.key, &key, &e) &&
            read_file(r.client_ca, &ca, &e) && read_tokens(&r.http, r.tokens, &e) &&
            ps_db_open(&db, r.db, &e);
  r.http.cert = cert;
  r.http.key = key;
  r.http.client_ca = ca;
  ok = ok && fill(&r, db, &e);
  if (ok && r.no_serve)
    printf("policy-server: %" PRId64 " vehicles in %s\n", ps_db_count(db), r.db);
  else if (ok)
    ok = serve(&r, db, &stop, &e);
  if (!ok)
    fprintf(stderr, "policy-server: %s\n", e.text);
  ps_db_close(db);
  free(cert);
  free(key);
  free(ca);
  return ok ? 0 : 1;
}
