// Alarms, from the fault to the repair: zones break and are repaired before a running server that a
// real Prometheus watches by the rules of deploy/prometheus.

package interop

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"bailiwick/internal/gameday"
	"bailiwick/internal/lab"
)

const prometheusAddr = "127.0.0.1:5330"

// promtool accepts the rules and the metrics, and its tests of the rules pass.
func TestPrometheusRules(t *testing.T) {
	promtool := systemdProgram(t, "promtool")
	for _, args := range [][]string{{"check", "rules", "../deploy/prometheus/bailiwick.rules.yml"},
		{"test", "rules", "../deploy/prometheus/bailiwick.test.yml"},
		{"check", "config", "--syntax-only", "../deploy/prometheus/scrape.yml"}} {
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

// runbook returns the commands of a part of an alert's section, such as Look, with the names that
// they are for in place.
func runbook(t *testing.T, alert, part string, names map[string]string) (commands []string) {
	t.Helper()
	text, err := os.ReadFile("../docs/runbooks.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(text), "\n## "+alert+"\n")
	section, _, _ = strings.Cut(section, "\n## ")
	_, section, has := strings.Cut(section, "\n- **"+part+"**")
	section, _, _ = strings.Cut(section, "\n- **")
	if !ok || !has {
		t.Fatalf("docs/runbooks.md has no %s, or no %s in it", alert, part)
	}
	command := regexp.MustCompile("(?s)`((?:bailiwick|date) .*?)`")
	for _, m := range command.FindAllStringSubmatch(section, -1) {
		var words []string
		for _, word := range strings.Fields(m[1]) {
			for name, value := range names {
				word = regexp.MustCompile(`\b`+name+`\b`).ReplaceAllString(word, value)
			}
			words = append(words, word)
		}
		commands = append(commands, strings.Join(words, " "))
	}
	return commands
}

// TestGameDay: each scenario of a game day, and silent servers. The metric moves, an incident
// opens, explain names the link, the alert fires, and the runbook's commands work; after the repair
// the name resolves, the incident ends with its time to recovery, and the alert with it.
func TestGameDay(t *testing.T) {
	if os.Getenv(inside) == "" {
		enter(t, []string{"ip", "unshare", "prometheus", "promtool"})
		return
	}
	loopback(t)
	w := lab.Internet(time.Now())
	root, d := listen(t, w), folder(t.TempDir())
	bin, socket, admin := build(t, string(d)), d.path("ctl"), "127.0.0.1:5331"
	launch(t, bin, "serve", "--config", d.write(t, "bailiwick.yaml", gameday.ServerConfig(
		bailiwickAddr, admin, socket, root.server, root.address, root.anchor)))
	d.write(t, "rules.yml", gameday.Rules())
	launch(t, "prometheus", "--config.file="+d.write(t, "prometheus.yml",
		gameday.PrometheusConfig(admin)), "--storage.tsdb.path="+d.path("data"),
		"--web.listen-address="+prometheusAddr, "--log.level=error")
	// consult runs the commands of a part of the runbook.
	consult := func(s gameday.Scenario, part string, most string) {
		list := run(t, bin, "ctl", "-s", socket, "failures", "list", s.Zone)
		number := regexp.MustCompile(`(?m)^\d+`).FindString(list)
		commands := runbook(t, s.Alert, part, map[string]string{"ZONE": s.Zone, "NAME": s.Ask,
			"NUMBER": number, "ADDRESS": bailiwickAddr})
		said := ""
		for _, c := range commands {
			words := strings.Fields(c)
			if words[0] == "bailiwick" {
				words[0] = bin
			}
			if words[0] == bin && words[1] == "ctl" {
				words = slices.Insert(words, 2, "-s", socket)
			}
			out, err := exec.Command(words[0], words[1:]...).CombinedOutput()
			if err != nil {
				t.Errorf("%s: %s: %s: %v\n%s", s.Name, part, c, err, out)
			}
			said += string(out)
		}
		if len(commands) == 0 || !strings.Contains(said, most) {
			t.Errorf("%s: %s: %q do not tell %s:\n%s", s.Name, part, commands, most, said)
		}
	}
	day := gameday.Day{Break: w.Break, Server: bailiwickAddr, Socket: socket, Admin: admin,
		Prometheus: prometheusAddr, Patience: patience}
	day.During = func(s gameday.Scenario) {
		if s.Zone == "." {
			consult(s, "Look", "time: ")
		} else {
			consult(s, "Look", s.Cause)
		}
	}
	day.After = func(s gameday.Scenario) {
		if s.Zone != "." {
			consult(s, "Verify", "192.0.2.1")
		}
	}
	scenarios := append(gameday.Scenarios(), gameday.Scenario{Name: "silent-servers",
		Zone: "shop.example.", Ask: "www.shop.example.", Cause: "timeout", Link: "servers",
		Steps: []gameday.Step{{At: "shop.example.", Fault: lab.Dead}},
		Alert: "BailiwickBrokenZone"})
	eventually(t, "the server answers", func() bool { return day.Answers(scenarios[0].Ask) })
	for _, s := range scenarios {
		r, err := day.Play(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Missing) > 0 {
			t.Errorf("%s: not seen: %v\n%s", s.Name, r.Missing, run(t, bin, "ctl", "-s", socket,
				"incidents", "--all"))
			continue
		}
		if s.Finding != "" && r.Foreseen == nil {
			t.Errorf("%s: no alert before clients fail", s.Name)
		}
		t.Logf("%s: alert after %.1f s; %s; mended %.1f s after the repair, recovery %s", s.Name,
			*r.Alert, r.Link, *r.Mended, r.Recovery)
	}
	scraped := scrape(t, admin)
	if !regexp.MustCompile(`bailiwick_incident_recovery_seconds_count [7-9]`).MatchString(scraped) {
		t.Error("the metrics do not have seven recoveries")
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
