// The machines of the pages: what each needs besides a server.

package interop

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"bailiwick/internal/lab"
)

// pages has the machine of each page, by its file's name.
var pages = map[string]pageMachine{
	"api-token":             {},
	"behind-dnsdist":        {programs: []string{"dnsdist"}},
	"block-lists":           {programs: []string{"nginx"}, make: (*reader).webServer},
	"container":             {bare: true, programs: containerPrograms, make: (*reader).engine},
	"dns64":                 {},
	"dot-for-phones":        {},
	"ecs":                   {},
	"first-hour":            {},
	"fleet-cache":           {programs: redisPrograms, make: (*reader).store},
	"forward-internal-zone": {programs: []string{"unbound"}, make: (*reader).corporate},
	"from-unbound":          {},
	"home-network":          {},
	"kubernetes":            {bare: true, build: chartPrograms, make: (*reader).chart},
	"local-root":            {programs: []string{"named"}, make: (*reader).rootServer},
	"nta":                   {},
	"query-log-and-dnstap":  {programs: []string{"fstrm_capture"}, make: (*reader).collector},
	"rate-limits":           {programs: []string{"dnsperf"}},
	"rpz-feed":              {programs: []string{"named"}, make: (*reader).feed},
	"split-views":           {},
	"stale":                 {programs: []string{"unbound"}, make: (*reader).corporate},
	"upgrade":               {programs: []string{"dnsperf"}},
	"watch-own-zones":       {},
	"why-servfail":          {},
}

var containerPrograms = []string{"unshare", "nsenter", "chroot", "sysctl"}

var redisPrograms = []string{"redis-server", "redis-cli"}

// chartPrograms builds Helm and kubeconform, of the module that tests the chart. Helm is told which
// Kubernetes to render for, as its releases are: else it is 1.20.
func chartPrograms(t *testing.T) {
	t.Helper()
	in := func(argv ...string) string {
		cmd := exec.Command("go", argv...)
		cmd.Dir = "../deploy/kubernetes"
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v\n%s", argv, err, out)
		}
		return string(out)
	}
	version := strings.Split(in("list", "-m", "-f", "{{.Version}}", "k8s.io/api"), ".")
	in("build", "-o", filepath.Dir(built(t)), "-ldflags=-s -w "+
		"-X helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=1 "+
		"-X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor="+version[1], "tool")
}

// chart has a machine of somebody who administers a cluster.
func (r *reader) chart() {
	r.checkout()
	for _, p := range []string{"helm", "kubeconform"} {
		r.must("ln", "-s", filepath.Join(filepath.Dir(os.Getenv(builtAs)), p), "/opt/"+p)
	}
}

// corporate has a company's own resolver, with its names.
func (r *reader) corporate() {
	r.elsewhere("unbound", "-d", "-c", r.write(r.T, "corporate.conf", unboundConf(
		"  interface: 10.0.0.53\n  access-control: 0.0.0.0/0 allow\n"+
			"  local-zone: \"corp.example.\" static\n"+
			"  local-data: \"corp.example. 300 SOA ns. host. 1 1h 1h 1d 60\"\n"+
			"  local-data: \"wiki.corp.example. 300 A 10.1.2.3\"\n"+
			"  local-data: \"short.corp.example. 1 A 10.1.2.4\"\n"+
			"  local-data-ptr: \"10.1.2.3 300 wiki.corp.example.\"\n", "")))
}

// webServer has a block list on the web, at a name of the lab, and has the machine trust whom its
// certificate is from.
func (r *reader) webServer() {
	r.world.Add(lab.Zone{Name: "lists.example.", Records: "@ A 198.51.100.80"})
	r.must("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
		"-nodes", "-days", "30", "-keyout", r.path("web-key.pem"), "-out", r.path("web.pem"),
		"-subj", "/CN=lists.example", "-addext", "subjectAltName=DNS:lists.example")
	f, err := os.OpenFile("/etc/ssl/certs/ca-certificates.crt",
		os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		r.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(readFile(r.T, r.path("web.pem"))); err != nil {
		r.Fatal(err)
	}
	r.must("mkdir", "/var/lib/nginx")
	r.put("/srv/ads.txt", "# of the provider\nunsigned.example\nads.secure.example\n")
	r.elsewhere("nginx", "-p", string(r.folder), "-c", r.write(r.T, "nginx.conf", fmt.Sprintf(
		"events {}\nhttp { access_log off; server { listen 198.51.100.80:443 ssl; "+
			"ssl_certificate %q; ssl_certificate_key %q; location / { root /srv; } } }\n",
		r.path("web.pem"), r.path("web-key.pem"))), "-g",
		"daemon off; user root; pid nginx.pid; error_log stderr;")
}

// named starts BIND at an address, with zones that it gives away.
func (r *reader) named(at, clauses string) {
	r.elsewhere("named", "-f", "-4", "-n", "1", "-c", r.write(r.T, "named.conf", fmt.Sprintf(
		"options { directory %q; listen-on { %s; }; listen-on-v6 { none; }; recursion no; "+
			"pid-file none; session-keyfile none; dnssec-validation no; };\ncontrols { };\n%s\n",
		r.folder, at, clauses)))
}

// feed has a provider of a policy zone.
func (r *reader) feed() {
	r.write(r.T, "feed.zone", "$TTL 60\n@ SOA ns. host. 1 3600 600 86400 60\n@ NS ns.\n"+
		"www.unsigned.example CNAME .\n*.unsigned.example CNAME .\n")
	r.named("198.51.100.53", fmt.Sprintf("key %q { algorithm hmac-sha256; secret %q; };\n"+
		"zone \"feed.rpz\" { type primary; file \"feed.zone\"; allow-transfer { key %q; }; };",
		tsigName, tsigSecret, tsigName))
}

// rootServer has the lab's root at the address of a root server that gives the root zone away.
func (r *reader) rootServer() {
	r.world.Add(lab.Zone{Name: "net."})
	r.world.Add(lab.Zone{Name: "root-servers.net.", Records: "b A 170.247.170.2"})
	var b strings.Builder
	for _, rr := range r.world.WithDigest(".", r.world.Records(".")) {
		b.WriteString(rr.String() + "\n")
	}
	r.write(r.T, "root.zone", b.String())
	r.named("170.247.170.2", "zone \".\" { type primary; file \"root.zone\"; };")
}

// store has a Redis.
func (r *reader) store() {
	r.elsewhere("redis-server", "--bind", "10.0.0.63", "--protected-mode", "no", "--save", "",
		"--dir", string(r.folder))
	awaitDone(r, "redis-cli", "-h", "10.0.0.63", "PING")
}

// collector has a reader of dnstap.
func (r *reader) collector() {
	r.elsewhere("fstrm_capture", "-t", "protobuf:dnstap.Dnstap", "-a", "10.0.0.70", "-p", "6000",
		"-w", r.path("dnstap"))
}
