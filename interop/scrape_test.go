// Prometheus and the admin listener: certificates of clients.

package interop

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bailiwick/internal/lab"
)

// issued makes an authority with openssl, and by it the certificates of a server and of a client.
func (d folder) issued(t *testing.T, name string) {
	t.Helper()
	key := []string{"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
		"-nodes", "-days", "2"}
	made := func(file string, more ...string) {
		run(t, "openssl", append(append(key[:len(key):len(key)], "-keyout", d.path(file+".key"),
			"-out", d.path(file+".pem")), more...)...)
	}
	made(name+"-ca", "-subj", "/CN="+name)
	by := []string{"-CA", d.path(name + "-ca.pem"), "-CAkey", d.path(name + "-ca.key")}
	made(name+"-server", append(by, "-subj", "/CN=dns", "-addext", "subjectAltName=IP:127.0.0.1",
		"-addext", "basicConstraints=critical,CA:FALSE")...)
	made(name+"-client", append(by, "-subj", "/CN=prometheus", "-addext",
		"extendedKeyUsage=clientAuth", "-addext", "basicConstraints=critical,CA:FALSE")...)
}

// renew puts files in the places of others, as a tool that renews certificates does: by renaming.
func (d folder) renew(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(d.path(from))
	if err != nil {
		t.Fatal(err)
	}
	d.write(t, to+".new", string(text))
	if err := os.Rename(d.path(to+".new"), d.path(to)); err != nil {
		t.Fatal(err)
	}
}

// TestPrometheusScrapesByCertificate: a real Prometheus has the metrics by a certificate of
// admin.client_ca, and another one without a certificate has none. When all files of both are
// renewed, by another authority, it goes on, with neither of the programs told.
func TestPrometheusScrapesByCertificate(t *testing.T) {
	if os.Getenv(inside) == "" {
		enter(t, []string{"ip", "unshare", "prometheus", "openssl"})
		return
	}
	loopback(t)
	root, d := listen(t, lab.Internet(time.Now())), folder(t.TempDir())
	bin, admin := build(t, string(d)), "127.0.0.1:5331"
	d.issued(t, "old")
	d.issued(t, "new")
	place := func(which string) {
		for from, to := range map[string]string{"-ca.pem": "ca.pem", "-server.pem": "server.pem",
			"-server.key": "server.key", "-client.pem": "client.pem", "-client.key": "client.key"} {
			d.renew(t, which+from, to)
		}
	}
	place("old")
	launch(t, bin, "serve", "--config", d.write(t, "bailiwick.yaml", fmt.Sprintf(
		"listen: {udp: [%q], tcp: [%[1]q]}\nadmin: {listen: %q, tls_certificate: server.pem, "+
			"tls_key: server.key, client_ca: ca.pem}\ncontrol: {socket: %q}\nresolver: {ipv6: "+
			"\"false\", root_hints_file: hints, do_not_query_localhost: false}\n"+
			"trust_anchors: {builtin: false, records: [%q]}\n", bailiwickAddr, admin,
		d.path("ctl"), root.anchor)))
	d.write(t, "hints", root.hints())
	text, err := os.ReadFile("../deploy/prometheus/scrape-tls.yml")
	if err != nil {
		t.Fatal(err)
	}
	job := strings.NewReplacer("/etc/prometheus/", string(d)+"/", "dns.example.net:5380", admin,
		"rule_files: [bailiwick.rules.yml]\n", "global: {scrape_interval: 1s}\n").Replace(
		string(text))
	_, stranger, _ := strings.Cut(job, "scrape_configs:\n")
	stranger = strings.Replace(stranger, "job_name: bailiwick", "job_name: stranger", 1)
	for _, line := range []string{"      cert_file: " + d.path("client.pem") + "\n",
		"      key_file: " + d.path("client.key") + "\n"} {
		if !strings.Contains(stranger, line) {
			t.Fatalf("no line %s", line)
		}
		stranger = strings.Replace(stranger, line, "", 1)
	}
	launch(t, "prometheus", "--config.file="+d.write(t, "prometheus.yml", job+stranger),
		"--storage.tsdb.path="+d.path("data"), "--web.listen-address="+prometheusAddr,
		"--log.level=error")
	becomes := func(when, expr string) {
		t.Helper()
		eventually(t, when+": "+expr, func() bool {
			out, err := exec.Command("curl", "-sf", "http://"+prometheusAddr+
				"/-/ready").CombinedOutput()
			return err == nil && len(out) > 0 && evaluate(t, expr) == 1
		})
	}
	becomes("with a certificate", `up{job="bailiwick"} == 1`)
	becomes("with a certificate", `bailiwick_ready{job="bailiwick"}`)
	for _, key := range []string{"admin.tls_certificate", "admin.client_ca"} {
		becomes("with a certificate", fmt.Sprintf("bailiwick_certificate_expiry_timestamp_seconds"+
			"{job=\"bailiwick\", key=%q} > bool time()", key))
	}
	becomes("without one", `up{job="stranger"} == 0`)
	if n := evaluate(t, `{__name__=~"bailiwick_.*", job="stranger"}`); n != 0 {
		t.Errorf("a client without a certificate has %d series", n)
	}
	place("new")
	renewed := time.Now()
	since := fmt.Sprintf(`timestamp(bailiwick_ready{job="bailiwick"}) > %d`, renewed.Unix()+3)
	becomes("renewed", since)
	becomes("renewed", `up{job="bailiwick"} == 1`)
	becomes("renewed, without a certificate", `up{job="stranger"} == 0`)
	out := run(t, "curl", "-s", "--cacert", filepath.Join(string(d), "ca.pem"),
		"https://"+admin+"/readyz")
	if !strings.HasPrefix(out, "ready") {
		t.Errorf("/readyz without a certificate: %s", out)
	}
}
