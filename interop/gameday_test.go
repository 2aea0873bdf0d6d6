// Alarms, from the fault to the repair: zones break and are repaired before a running server that a
// real Prometheus watches by the rules of deploy/prometheus.

package interop

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
)

const prometheusAddr = "127.0.0.1:5330"

// promtool accepts the rules and the metrics, and its tests of the rules pass.
func TestPrometheusRules(t *testing.T) {
	promtool := systemdProgram(t, "promtool")
	for _, args := range [][]string{{"check", "rules", "../deploy/prometheus/bailiwick.rules.yml"},
		{"test", "rules", "../deploy/prometheus/bailiwick.test.yml"}} {
		if out, err := exec.Command(promtool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	rules, err := os.ReadFile("../deploy/prometheus/bailiwick.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	runbooks, err := os.ReadFile("../docs/runbooks.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`runbooks\.md#(\w+)`).FindAllStringSubmatch(string(rules),
		-1) {
		if !strings.Contains(strings.ToLower(string(runbooks)), "\n## "+m[1]+"\n") {
			t.Errorf("docs/runbooks.md has no section %s", m[1])
		}
	}
}

// alert is an alert of Prometheus, as far as it matters here.
type alert struct {
	Labels map[string]string
	State  string
}

// alerts returns those of Prometheus.
func alerts(t *testing.T) []alert {
	t.Helper()
	r, err := http.Get("http://" + prometheusAddr + "/api/v1/alerts")
	if err != nil {
		return nil // it starts
	}
	defer r.Body.Close()
	var a struct{ Data struct{ Alerts []alert } }
	if err := json.NewDecoder(r.Body).Decode(&a); err != nil {
		t.Fatal(err)
	}
	return a.Data.Alerts
}

// TestGameDay: signatures expire, a DS does not match, all servers of a zone are silent. Each time
// the metric moves, the alert fires with the zone and the cause, ctl names both and has the steps;
// after the repair the incident ends with its time to recovery, and the alert with it.
func TestGameDay(t *testing.T) {
	if os.Getenv(inside) == "" {
		enter(t, []string{"ip", "unshare", "prometheus", "promtool"})
		return
	}
	loopback(t)
	w := lab.New(time.Now())
	w.Add(lab.Zone{Name: "example."})
	zones := []struct {
		zone, cause string
		fault       lab.Fault
	}{
		{"bank.example.", "signature_expired", lab.Expired},
		{"shop.example.", "ds_mismatch", lab.DSMismatch},
		{"post.example.", "timeout", lab.Dead},
	}
	for _, z := range zones {
		w.Add(lab.Zone{Name: z.zone, TTL: 1, Minimum: 1, Records: "www A 192.0.2.1"})
	}
	root, d := listen(t, w), folder(t.TempDir())
	bin, socket, admin := build(t, string(d)), d.path("ctl"), "127.0.0.1:5331"
	launch(t, bin, "serve", "--config", d.write(t, "bailiwick.yaml", fmt.Sprintf(
		"listen: {udp: [%q], tcp: []}\nadmin: {listen: %q}\ncontrol: {socket: %q}\n"+
			"resolver: {ipv6: false, root_hints: [{name: %s, address: %s}], "+
			"do_not_query_localhost: false}\ntrust_anchors: {builtin: false, records: [%q]}\n"+
			"policy: {special_names: false}\nshutdown: {wait: 0, answers: 0}\n"+
			"incidents: {queries: 2, settle: 1s}\ncache: {max_ttl: 1s}\n", bailiwickAddr, admin,
		socket, root.server, root.address, root.anchor)))
	rules, err := os.ReadFile("../deploy/prometheus/bailiwick.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	// The same rules in a hurry: a page after a second, for one client network.
	quick := regexp.MustCompile(`for: \d+[mh]`).ReplaceAllString(string(rules), "for: 1s")
	quick = strings.ReplaceAll(quick, `{maintenance="false"}) >= 10`, `{maintenance="false"}) >= 1`)
	d.write(t, "rules.yml", quick)
	launch(t, "prometheus", "--config.file="+d.write(t, "prometheus.yml", fmt.Sprintf(
		"global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: [rules.yml]\n"+
			"scrape_configs: [{job_name: bailiwick, static_configs: [{targets: [%q]}]}]\n", admin)),
		"--storage.tsdb.path="+d.path("data"), "--web.listen-address="+prometheusAddr,
		"--log.level=error")
	for _, z := range zones {
		await(t, bailiwickAddr, "www."+z.zone, dns.TypeA, func(m *dns.Msg) bool {
			return m.Rcode == dns.RcodeSuccess && m.AuthenticatedData
		})
	}
	// until asks for a name until something is the case.
	until := func(name, what string, is func() bool) {
		t.Helper()
		for end := time.Now().Add(40 * time.Second); !is(); time.Sleep(300 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s: not %s: %v\n%s", name, what, alerts(t),
					run(t, bin, "ctl", "-s", socket, "incidents", "--all"))
			}
			_, _ = ask(bailiwickAddr, name, dns.TypeA) // what comes of it is seen elsewhere
		}
	}
	firing := func(zone string) (cause string) {
		for _, a := range alerts(t) {
			if a.Labels["alertname"] == "BailiwickBrokenZone" && a.Labels["zone"] == zone &&
				a.State == "firing" {
				cause = a.Labels["cause"]
			}
		}
		return cause
	}
	for _, z := range zones {
		name := "www." + z.zone
		broken := time.Now()
		if err := w.Break(z.zone, z.fault); err != nil {
			t.Fatal(err)
		}
		run(t, bin, "ctl", "-s", socket, "flush", "--subtree", z.zone)
		until(name, "an alert with the zone and "+z.cause, func() bool {
			return firing(z.zone) == z.cause
		})
		detected := time.Now()
		if list := run(t, bin, "ctl", "-s", socket, "incidents", z.zone); !strings.Contains(list,
			z.zone+"  "+z.cause) {
			t.Errorf("incidents:\n%s", list)
		}
		list := run(t, bin, "ctl", "-s", socket, "failures", "list", z.zone)
		lines := strings.Split(list, "\n")
		number := strings.Fields(lines[min(1, len(lines)-1)] + " -")[0]
		steps := run(t, bin, "ctl", "-s", socket, "failures", "show", number)
		if !strings.Contains(steps, z.cause) || !strings.Contains(steps, z.zone) {
			t.Errorf("failures show %s:\n%s", number, steps)
		}
		if err := w.Break(z.zone); err != nil {
			t.Fatal(err)
		}
		repaired := time.Now()
		run(t, bin, "ctl", "-s", socket, "flush", "--subtree", z.zone) // as the runbook has it
		until(name, "mended, and without an alert", func() bool {
			mended := regexp.MustCompile(regexp.QuoteMeta(z.zone) + ` +` + z.cause + ` +mended`)
			return firing(z.zone) == "" && mended.MatchString(run(t, bin, "ctl", "-s", socket,
				"incidents", "--all", z.zone))
		})
		t.Logf("%s %s: alert after %v, over %v after the repair", z.zone, z.cause,
			detected.Sub(broken).Round(time.Second), time.Since(repaired).Round(time.Second))
	}
	scraped := scrape(t, admin)
	if !strings.Contains(scraped, "bailiwick_incident_recovery_seconds_count 3") {
		t.Error("the metrics do not have three recoveries")
	}
	check := exec.Command("promtool", "check", "metrics")
	check.Stdin = strings.NewReader(scraped)
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
	queries(t)
	dashboards(t)
}

// dashboards has Prometheus evaluate each query of the dashboards of deploy/grafana. Those about
// what there is in any server have a result.
func dashboards(t *testing.T) {
	files, err := filepath.Glob("../deploy/grafana/*.json")
	if err != nil || len(files) != 3 {
		t.Fatalf("%v %v", files, err)
	}
	n, empty := 0, 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var d struct {
			Panels []struct {
				Title   string
				Targets []struct{ Expr string }
			}
		}
		if err := json.Unmarshal(text, &d); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				n++
				expr := strings.NewReplacer("$__rate_interval", "1m", "$instance", ".*").Replace(
					target.Expr)
				if results := evaluate(t, expr); results < 0 {
					t.Errorf("%s, %s: %s", file, p.Title, expr)
				} else if results == 0 {
					empty++
					t.Logf("nothing now: %s, %s", file, p.Title)
				}
			}
		}
	}
	if n < 30 || empty > 8 {
		t.Errorf("%d queries, %d without a result", n, empty)
	}
}

// evaluate returns how many series an expression has in Prometheus now; -1 if it is wrong.
func evaluate(t *testing.T, expr string) int {
	t.Helper()
	r, err := http.Get("http://" + prometheusAddr + "/api/v1/query?query=" + url.QueryEscape(expr))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	var a struct {
		Status, Error string
		Data          struct{ Result []any }
	}
	if err := json.NewDecoder(r.Body).Decode(&a); err != nil || a.Status != "success" {
		t.Logf("%v %s", err, a.Error)
		return -1
	}
	return len(a.Data.Result)
}

// queries has Prometheus evaluate each recording rule and alert expression: none may be an error.
func queries(t *testing.T) {
	r, err := http.Get("http://" + prometheusAddr + "/api/v1/rules")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	var rules struct {
		Data struct {
			Groups []struct {
				Rules []struct{ Name, Health, LastError string }
			}
		}
	}
	if err := json.Unmarshal(text, &rules); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, g := range rules.Data.Groups {
		for _, rule := range g.Rules {
			if n++; rule.Health != "ok" {
				t.Errorf("%s: %s %s", rule.Name, rule.Health, rule.LastError)
			}
		}
	}
	if n < 20 {
		t.Errorf("%d rules", n)
	}
}
